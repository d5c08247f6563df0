"""Requests leave no reference cycles: Python frees what they made at once, without a scan."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from tests.conftest import token
from tests.hostile.operations import HOSTILE, Hostile, another

_REQUESTS: Final = 5
_MOST: Final = 100
"""Objects of a request; the test's own client leaves 30."""
_MOST_OF_SYNTAX_ERROR: Final = 2_500
"""The parser's tokens are linked to each other; an operation has 2,000 at most."""

_USUAL: Final = {
    "rows": Hostile(
        "{ eventStats(limit: 500) { total events { title ticketsIssued ownerEmail } } }", None
    ),
    "all cubes": Hostile(
        "{ dashboardStats { totalSales topViewedProducts { slug } } orderStats { totalOrders } "
        "promoCodeStats { totalTicketsFromPromos byType { codeType total } } }",
        None,
    ),
    "a wrong argument": Hostile('{ dashboardStats(timezone: "Mars") { totalSales } }', None),
}


@contextmanager
def _unreachable() -> Iterator[list[object]]:
    """The objects that only a scan could free, once the block has ended."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    "operation", [*_USUAL.values(), *HOSTILE.values()], ids=[*_USUAL, *HOSTILE]
)
async def test_an_operation_leaves_no_garbage(http: httpx.AsyncClient, operation: Hostile) -> None:
    async def send() -> Any:
        headers = {"authorization": f"Bearer {token(role='admin')}"}
        body = operation.body(another())
        return (await http.post("/graphql", json=body, headers=headers)).json()

    # Validation leaves some cycles; later operations with the same tokens need none.
    answer = await send()
    with _unreachable() as garbage:
        for _ in range(_REQUESTS):
            await send()
    syntax_error = "Syntax Error" in str(answer.get("errors"))
    most = _MOST_OF_SYNTAX_ERROR if syntax_error else _MOST
    assert len(garbage) <= most * _REQUESTS, Counter(type(each) for each in garbage).most_common(9)
