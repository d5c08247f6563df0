"""Each KPI is non-zero for some demo data: a number that is always zero would test nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from demo.seed import seed
from documents import DOCUMENTS
from tests import operations as operation
from tests.conftest import Ask, Dataset

NOW = datetime(2026, 5, 20, 15, 7, 3, 123000, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(mongo: Database[dict[str, Any]], fill: Callable[[Dataset], None]) -> Iterator[None]:
    fill({})
    seed(mongo, {name: name for name in DOCUMENTS}, scale=0.1, now=NOW)
    yield
    fill({})


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """The numbers of an answer, as (path without list indexes, number)."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _numbers(each, f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


async def test_every_number_is_non_zero_in_some_answer(demo: None, ask: Ask) -> None:
    answers = [
        await ask(operation.EVENTS_OVERVIEW, now=NOW),
        await ask(operation.ORDER_STATS, now=NOW),
        await ask(operation.PROMO_CODE_STATS, now=NOW),
        await ask(operation.METRICS, now=NOW, activeOnly=False),
        await ask(operation.EVENT_STATS, now=NOW, page=0, limit=500, activeOnly=False),
        *[
            await ask(operation.DASHBOARD_STATS, now=NOW, mode=mode, timezone="UTC")
            for mode in ("TOTAL", "UNIQUE")
        ],
    ]
    largest: dict[str, float] = {}
    for answer in answers:
        assert answer.errors is None
        for path, number in _numbers(answer.data, ""):
            largest[path[1:]] = max(abs(number), largest.get(path[1:], 0))
    idle = [path for path, number in largest.items() if not number]
    assert idle == [], "is a name misspelt, or do demo/ and its files write no such document?"
