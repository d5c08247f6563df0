"""Values of every BSON type: cells, live counts and the oracle agree, and nothing is rebuilt."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from documents import DOCUMENTS
from loaders.rollup_reader import RollupReader
from rollups.keeper.store import RollupStore
from rollups.keeper.verify import verify, verify_some
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests import oracle
from tests.bson_types import REFERENCES, VALUES, Encoded, date, document, int32, string
from tests.conftest import Ask, Dataset
from tests.profiles import PROFILE
from tests.rollups.conftest import Database, assert_exact, caught_up, until
from tests.strategies import NOW
from tests.test_dashboard import compare_dashboards
from tests.test_kpis import compare_totals

Documents = Mapping[str, Sequence[RawBSONDocument]]

_NOW = date(int(NOW.timestamp() * 1000))
_SAMPLES = 3
_numbers = count()


def _id() -> Encoded:
    return int32(1000 + next(_numbers))


def _named(ids: Sequence[str]) -> Documents:
    """An event and a promo code for each id; ids that MongoDB takes for equal have one."""
    unique = {oracle.bson_key(document({"_id": VALUES[id]})["_id"]): id for id in ids}

    def named(field: str) -> list[RawBSONDocument]:
        return [document({"_id": VALUES[id], field: string(id)}) for id in unique.values()]

    return {"events": named("title"), "promo_codes": named("code")}


def _referring(values: Sequence[str]) -> Documents:
    """Documents of each collection whose keys have these values."""
    given = [REFERENCES.get(name) for name in values]

    def with_key(field: str, **others: Encoded) -> list[RawBSONDocument]:
        return [
            document({"_id": _id(), **({} if value is None else {field: value}), **others})
            for value in given
        ]

    purchase = {"created_at": _NOW, "event_type": string("purchase")}
    paid = {"payment_status": string("CONFIRMED"), "amount_cents": int32(100)}
    return {
        "tickets": [*with_key("event_id"), *with_key("promo_code_id")],
        "ticket_orders": [
            *with_key("event_id", **paid),
            *with_key("gateway"),
            *with_key("payment_status"),
        ],
        "users": with_key("role"),
        "analytics_events": [
            *with_key("event_type", created_at=_NOW),
            *with_key("product_slug", **purchase),
            *with_key("product_slug", created_at=_NOW, event_type=string("product_view")),
        ],
    }


async def _insert(database: Database, documents: Documents) -> None:
    for name, each in documents.items():
        if each:
            await database[name].insert_many(each)


async def _assert_same(database: Database, store: RollupStore, ask: Ask) -> None:
    """Asserts that verifying finds nothing, and that cells and live counts equal the oracle."""
    for rollup in DEFAULT_ROLLUPS:
        await caught_up(store, rollup)
        assert [str(each) for each in await verify(store, rollup)] == []
        for _ in range(_SAMPLES):
            assert [str(each) for each in await verify_some(store, rollup)] == []
    await assert_exact(store)
    data = {name: await database[name].find().sort("_id").to_list() for name in DOCUMENTS}
    for each in (ask, partial(ask, rollups=RollupReader(database))):
        await compare_totals(each, data)
        await _compare_events(each, data)
        await compare_dashboards(each, data)


async def _compare_events(ask: Ask, data: Dataset) -> None:
    """Compares the numbers of each event, counted for all events and for a few."""
    numbers = ("title", "ticketsIssued", "ordersCount", "revenue")
    expected = [
        {name: event[name] for name in numbers}
        for event in oracle.event_stats(data, limit=500)["events"]
    ]
    for limit in (500, max(1, len(expected) // 4)):
        found = list[Any]()
        for page in range(len(expected) // limit + 1):
            arguments = f"limit: {limit}, page: {page}"
            result = await ask(
                f"{{ eventStats({arguments}) {{ events {{ {' '.join(numbers)} }} }} }}"
            )
            assert result.data is not None
            found += result.data["eventStats"]["events"]
        assert found == expected


async def _emptied(database: Database) -> None:
    for name in DOCUMENTS:
        await database[name].delete_many({})


async def _rebuilt(store: RollupStore) -> None:
    """Waits until all cells are built anew."""
    for rollup in DEFAULT_ROLLUPS:
        state = await caught_up(store, rollup)
        await store.record_check(rollup, state["cells"], 1)

        async def built(rollup: Any = rollup, builds: int = state["builds"]) -> bool:
            return bool((await store.state(rollup)).get("builds", 0) > builds)

        await until(built)


@pytest.mark.parametrize("when", ["before the build", "after the build"])
async def test_values_of_every_type_are_keys_of_the_same_cells(
    database: Database, store: RollupStore, ask: Ask, when: str
) -> None:
    await _emptied(database)
    await _insert(database, _named([*VALUES]))
    values = ["missing", *REFERENCES]
    if when == "before the build":
        await _insert(database, _referring(values))
        await _rebuilt(store)
    await _insert(database, _referring(values))
    await _assert_same(database, store, ask)
    builds = [(await store.state(rollup))["builds"] for rollup in DEFAULT_ROLLUPS]
    # What the cells lose is what they were given.
    await database["tickets"].delete_many({"_id": {"$mod": [2, 0]}})
    await database["ticket_orders"].delete_many({"_id": {"$mod": [2, 0]}})
    await _assert_same(database, store, ask)
    assert builds == [(await store.state(rollup))["builds"] for rollup in DEFAULT_ROLLUPS]


_values = st.lists(st.sampled_from(["missing", *REFERENCES]), max_size=8)


@settings(
    max_examples=PROFILE.rollup_examples, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(st.lists(st.sampled_from([*VALUES]), max_size=8), _values, _values)
async def test_random_values_are_keys_of_the_same_cells(
    database: Database,
    store: RollupStore,
    ask: Ask,
    ids: list[str],
    before: list[str],
    after: list[str],
) -> None:
    await _emptied(database)
    await _insert(database, _named(ids))
    await _insert(database, _referring(before))
    await _rebuilt(store)
    await _insert(database, _referring(after))
    await _assert_same(database, store, ask)
