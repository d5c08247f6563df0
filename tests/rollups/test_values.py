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
from tests.bson_types import (
    NUMBERS,
    REFERENCES,
    VALUES,
    Encoded,
    date,
    decimal,
    document,
    double,
    int32,
    int64,
    string,
)
from tests.conftest import Ask, Dataset
from tests.profiles import PROFILE
from tests.rollups.conftest import Database, assert_exact, caught_up, until
from tests.strategies import NOW
from tests.test_dashboard import compare_dashboards
from tests.test_kpis import compare_totals

Documents = Mapping[str, Sequence[RawBSONDocument]]

_NOW = date(int(NOW.timestamp() * 1000))
_SAMPLES = 3
_exponents = st.integers(-40, 12)
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


@pytest.mark.parametrize("residue", ["decimal 7E-32", "1e-300", "decimal 1E-6176"])
async def test_amounts_that_come_and_go_leave_nothing(
    database: Database, store: RollupStore, ask: Ask, residue: str
) -> None:
    await _emptied(database)
    await _rebuilt(store)
    order = {"payment_status": string("CONFIRMED"), "event_id": int32(1)}
    purchase = {"created_at": _NOW, "event_type": string("purchase")}
    many = {"metadata": Encoded(0x03, bytes(document({"quantity": VALUES["the largest"]}).raw))}
    for amount in ("decimal 15E-1", "the largest", residue):
        cents, price = {"amount_cents": VALUES[amount]}, {"price": VALUES[amount]}
        await _insert(database, {"ticket_orders": [document({"_id": _id(), **order, **cents})]})
        await _insert(
            database,
            {
                "analytics_events": [
                    document({"_id": _id(), **purchase, **price}),
                    document({"_id": _id(), **purchase, **price, **many}),
                ]
            },
        )
    await _assert_same(database, store, ask)
    for name in ("ticket_orders", "analytics_events"):
        first = await database[name].find().sort("_id").limit(1).to_list()
        # One at a time: each is a delta of its own.
        async for each in database[name].find({"_id": {"$gt": first[0]["_id"]}}):
            await database[name].delete_one({"_id": each["_id"]})
            await caught_up(store, next(r for r in DEFAULT_ROLLUPS if r.name.endswith(name)))
    await _assert_same(database, store, ask)
    for read in (ask, partial(ask, rollups=RollupReader(database))):
        result = await read("{ orderStats { totalRevenue } dashboardStats { totalRevenue } }")
        assert result.data == {
            "orderStats": {"totalRevenue": 0.02},
            "dashboardStats": {"totalRevenue": 1.5},
        }


_numbers_drawn = st.lists(
    st.one_of(
        st.sampled_from([*NUMBERS.values()]),
        st.integers(-(2**63), 2**63 - 1).map(int64),
        # Of at most 15 digits, so that its decimal is unambiguous.
        st.builds(
            lambda n, e: double(float(f"{n}e{e}")), st.integers(-(10**14), 10**14), _exponents
        ),
        st.builds(lambda n, e: decimal(f"{n}E{e}"), st.integers(-(10**34), 10**34), _exponents),
    ),
    max_size=8,
)


@settings(
    max_examples=PROFILE.rollup_examples, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(_numbers_drawn, _numbers_drawn, st.integers(1, 3))
async def test_random_numbers_add_up_exactly(
    database: Database,
    store: RollupStore,
    ask: Ask,
    before: list[Encoded],
    after: list[Encoded],
    gone: int,
) -> None:
    def numbered(numbers: list[Encoded]) -> Documents:
        orders = [{"amount_cents": each, "ticket_count": each} for each in numbers]
        purchases = [
            {
                "created_at": _NOW,
                "event_type": string("purchase"),
                "price": one,
                "metadata": Encoded(0x03, bytes(document({"quantity": other}).raw)),
            }
            for one, other in zip(numbers, reversed(numbers), strict=True)
        ]
        return {
            name: [document({"_id": _id(), **each}) for each in documents]
            for name, documents in {"ticket_orders": orders, "analytics_events": purchases}.items()
        }

    await _emptied(database)
    await _insert(database, numbered(before))
    await _rebuilt(store)
    await _insert(database, numbered(after))
    await _assert_same(database, store, ask)
    for name in ("ticket_orders", "analytics_events"):
        await database[name].delete_many({"_id": {"$mod": [gone, 0]}})
    await _assert_same(database, store, ask)


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
