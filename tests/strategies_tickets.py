"""Random and exhaustive tickets with wallets, their events, and the accounts of their owners.

`reports()` draws small collections in which references mostly have a target, and
`report_arguments()` draws requests. `nasty_reports()` puts every odd value into every field of a
ticket, an event and an account, one at a time. Documents are built whole, and then a few fields
are changed: a draw for each of their sixty fields would take far too long.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

from tests.strategies import (
    DANGLING,
    DATES,
    DAY,
    FAR_DATES,
    IDS,
    JUNK,
    MILLISECOND,
    NOW,
    ODD_TEXTS,
    Dataset,
    oid,
)

Path = tuple[str, ...]

MICROSECOND = timedelta(microseconds=1)

ADMIN: dict[str, Any] = {"role": "admin"}
ORGANIZER: dict[str, Any] = {"role": "organizer", "organizer_id": "org-1"}

_MISSING = object()

# `JUNK`, and the values most easily taken for a text, a price or a JSON field.
ODD_VALUES: tuple[Any, ...] = (
    *(_MISSING, None, "", *JUNK, *FAR_DATES, *DATES),
    *(12345.0, 4006381333931, 4006381333931.0, 2.5, 1e16, 0.1, -250, 0.5, 1.5, 333.3, 29.999),
    *(Int64(2**53 + 1), Decimal128("12.50"), Decimal128("0.5"), Decimal128("1.5")),
    *(10**12 - 1, 999_999_999_999.4, Decimal128("999999999999.9"), "2026-05-04T12:00:00.000Z"),
    *("=1+1", "a\x00b", " ", "😀", "é", "null", "$wallet", "INJECTED", "injected"),
    {"owner": IDS[0], "at": [NOW, FAR_DATES[0]], "n": {"nan": float("nan"), "deep": [[IDS[1]]]}},
    [{"at": NOW, "id": IDS[0], "n": [float("nan"), float("-inf"), 2**31, Int64(2**53 + 1)]}],
    [None, True, "a\x00b", "😀", 0.1, -0.0, {}, []],
    {"type": "Point", "_id": 1, "__proto__": 2, "": {"": None}},
)


def _wallet() -> dict[str, Any]:
    """A wallet in which no two fields have the same value, so a swap of fields is detected."""
    return {
        "status": "ACTIVATED",
        "previous_owner_id": "previous owner",
        "initial_owner": {
            "id": "initial owner",
            "email": "initial@example.com",
            "first_name": "Initial",
            "last_name": "Owner",
        },
        "ticket_number": "number",
        "barcode": "barcode",
        "organizer_ticket_id": "organizer's ticket",
        "ticket_holder": {"name": "Holder", "since": NOW},
        "activated_at": NOW + 1 * DAY,
        "checked_at": NOW + 2 * DAY,
        "assigned_at": NOW + 3 * DAY,
        "controlled_at": NOW + 4 * DAY,
        "kept_by_owner_at": NOW + 5 * DAY,
        "delivered_at": NOW + 6 * DAY,
        "purchase": {
            "file": "file",
            "date": NOW + 7 * DAY,
            "price_cents": 12345,
            "currency": "BRL",
            "contingent_id": "contingent",
            "seat_category_id": "seat category",
            "tariff_id": "tariff",
        },
        "seating": {
            "seated": True,
            "numbered": False,
            "external_entrance": "entrance",
            "gate": "gate",
            "area": "area",
            "level": "level",
            "block": "block",
            "row": "row",
            "seat": "seat",
        },
        "metadata": {"campaign": "spring", "of": IDS[3]},
        "rules": {
            "activation": "activation rule",
            "usage": "usage rule",
            "design": "design rule",
            "data_collection": "data collection rule",
            "email": "e-mail rule",
        },
        "devices": {"phone": {"seen": NOW}},
        "activation_details": [{"at": NOW, "by": IDS[4]}, "by hand"],
        "deleted_at": None,
        "deletion_reason": "reason",
        "transfer_forward_count": 3,
        "transfer_backward_count": 2,
        "already_downloaded": True,
    }


def _ticket() -> dict[str, Any]:
    return {
        "status": "available",
        "created_at": NOW - DAY,
        "updated_at": NOW,
        "wallet": _wallet(),
    }


def _event() -> dict[str, Any]:
    return {
        "title": "Zebra",
        "event_type": "concert",
        "event_date": NOW + 9 * DAY,
        "event_code": "Z-1",
        "organizer_id": "org-1",
        "mobile_app_ids": ["app-1", "app-2"],
    }


def _account() -> dict[str, Any]:
    return {
        "role": "customer",
        "email": "owner@example.com",
        "first_name": "First",
        "last_name": "Last",
        "phone": "+55 62 5555",
        "birth_date": datetime(1999, 12, 31, tzinfo=UTC),
        "id_number": "id number",
        "residence_country": "BR",
        "allow_promo_email": True,
        "allow_promo_third_party_email": False,
        "allow_tracking": True,
    }


def _paths(document: dict[str, Any]) -> list[Path]:
    """The paths of all fields, and those inside sub-documents whose fields the contract names."""
    paths: list[Path] = []
    for name, value in document.items():
        paths.append((name,))
        if name in {"wallet", "initial_owner", "purchase", "seating", "rules"}:
            paths += [(name, *below) for below in _paths(value)]
    return paths


TICKET_PATHS, EVENT_PATHS, ACCOUNT_PATHS = map(_paths, (_ticket(), _event(), _account()))
_DATE_FIELDS = ("updated_at", "created_at")


def _spoilt(document: dict[str, Any], spoils: Sequence[tuple[Path, Any]]) -> dict[str, Any]:
    """Sets odd values at the given paths of the document; skips paths without a parent."""
    for path, value in spoils:
        *above, last = path
        place: Any = document
        for name in above:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            continue
        if value is _MISSING:
            place.pop(last, None)
        else:
            place[last] = deepcopy(value)
    return document


def _spoils(paths: Sequence[Path]) -> st.SearchStrategy[list[tuple[Path, Any]]]:
    """Up to four odd values, each at a random path."""
    pool = [*product(paths, (*ODD_VALUES, *ODD_TEXTS))]
    Random(len(pool)).shuffle(pool)  # Hypothesis draws low indexes more often than high ones
    return st.lists(st.sampled_from(pool), max_size=4)


# ---------------------------------------------------------------- references, most with a target

Wrap = Callable[[Any], Any]


def _itself(id: Any) -> Any:
    return id


_WRONG_WRAPS: tuple[Wrap, ...] = (
    lambda i: [i],
    lambda i: [DANGLING, i],
    str,
    lambda i: {"_id": i},
    lambda i: DBRef("users", i),
    lambda i: i.binary if isinstance(i, ObjectId) else repr(i),
    lambda _: Regex(".*"),
    lambda _: {"$ne": None},
    lambda _: "",
    lambda _: DANGLING,
    lambda _: None,
    lambda _: _MISSING,
)

# Ids of types that the contract does not mention; `_TWINS` makes equal ids of other types.
_ODD_IDS: tuple[Any, ...] = (
    *("text", "", 1, 2.5, True, float("nan"), None, {"a": 1}, Int64(2**53 + 1), NOW, MinKey()),
    *(str(IDS[0]), Binary(b"x", 0), Timestamp(1, 1), Code("x"), Decimal128("7"), MaxKey()),
)
_TWINS: tuple[Wrap, ...] = (
    lambda i: float(i) if isinstance(i, int) else i,
    lambda i: Decimal128("2.5") if isinstance(i, float) else i,
    lambda i: int(i.to_decimal()) if isinstance(i, Decimal128) else i,
    lambda i: i + 1 if isinstance(i, int) else i,
    _itself,
)

_APPS: tuple[Any, ...] = (
    *([["app-1", "app-2"]] * 32 + [["app-1"]] * 8 + [["app-2"]] * 4),
    *(_MISSING, None, [], "app-1", {"0": "app-1"}, [["app-1"]], [Code("app-1")], ["APP-1"]),
    *([None, "app-1"], [5, "", "app-1"], [Regex(".*")], ["app-1", "app-1"], [{"a": "app-1"}], [5]),
)
_ORGANIZERS: tuple[Any, ...] = (
    *(["org-1"] * 24 + ["org-2"] * 6),
    *(_MISSING, None, "", ["org-1"], "Org-1", "unknown", 5, IDS[0], Code("org-1"), Regex(".*")),
)
_STATUSES: tuple[Any, ...] = (
    *(["INJECTED"] * 8 + ["ACTIVATED"] * 4 + ["DELETED"] * 3 + ["ASSIGNED"]),
    *(_MISSING, None, "", "injected", "deleted", ["INJECTED"], ["DELETED"], Code("DELETED"), 5),
)
_TICKET_STATUSES: tuple[Any, ...] = (
    *(["available"] * 6 + ["consumed", "expired", "injected", "INJECTED", "deleted"]),
    *(_MISSING, None, "", "ß", "é", "ﬁ", 7, ["available"], IDS[0], True),
)
_DELETED_AT: tuple[Any, ...] = (
    *([_MISSING] * 6 + [None] * 4 + [NOW] * 2 + [FAR_DATES[0]]),
    *([NOW], "2026-01-01T00:00:00.000Z", True, Timestamp(1, 1), 1777896000123),
)
_TIMES: tuple[Any, ...] = (
    *([NOW] * 4 + [NOW - MILLISECOND] * 2 + [NOW + MILLISECOND] * 2 + [NOW + DAY, NOW - DAY]),
    *[_MISSING, None] * 3,
    *(*DATES, *FAR_DATES, [NOW], [NOW - DAY, NOW + DAY], "2026-05-04T12:00:00.123Z", True, ""),
    *(Timestamp(1777896000, 1), 1777896000123, {}, DatetimeMS(-1)),
)
_WALLETS: tuple[Any, ...] = (
    *([_MISSING, None, "DELETED", 5, [], {}] * 2),
    [{**_wallet(), "status": "DELETED", "deleted_at": NOW}],
    DBRef("wallets", 1, status="DELETED", barcode="of a reference"),
    DBRef("wallets", 1, status="INJECTED", initial_owner={"email": "reference@example.com"}),
    {"status": "INJECTED", "initial_owner": DBRef("users", 1, email="dbref@example.com")},
    {"status": "INJECTED"},
    {"deleted_at": NOW},
)
# Hypothesis prefers low indexes: so the sizes are in a mixed order.
_SIZES = st.sampled_from((3, 8, 4, 1, 6, 2, 0, 5, 7))


@st.composite
def reports(draw: st.DrawFn) -> Dataset:
    """Random events, tickets and accounts; most events of `report_arguments` exist."""
    event_ids = draw(st.permutations(IDS[:6]))[: draw(_SIZES)]
    account_ids = [
        *draw(st.permutations(IDS[:5]))[: draw(_SIZES)],
        *draw(st.lists(st.sampled_from(_ODD_IDS), max_size=3, unique_by=repr)),
    ]
    return {
        "events": [{"_id": id, **_drawn_event(draw)} for id in event_ids],
        "users": [{"_id": id, **_spoilt(_account(), draw(_ACCOUNT_SPOILS))} for id in account_ids],
        "tickets": [
            {"_id": id, **_drawn_ticket(draw, event_ids, account_ids)}
            for id in draw(st.permutations(IDS))[: draw(_SIZES) * 2]
        ],
    }


_EVENT_SPOILS, _ACCOUNT_SPOILS, _TICKET_SPOILS = map(
    _spoils, (EVENT_PATHS[:-2], ACCOUNT_PATHS, TICKET_PATHS)
)
_EVENT_FORMS = st.tuples(st.sampled_from(_ORGANIZERS), st.sampled_from(_APPS))
_TICKET_FORMS = st.tuples(
    st.sampled_from((*[_itself] * 80, *_WRONG_WRAPS)),
    st.sampled_from((*[_itself] * 12, *_TWINS * 3, *_WRONG_WRAPS)),
    *(st.sampled_from(values) for values in (_STATUSES, _TICKET_STATUSES, _DELETED_AT)),
    *(st.sampled_from(_TIMES) for _ in _DATE_FIELDS),
    st.integers(0, 3 * len(_WALLETS) - 1),
    st.integers(0, 4),
    st.integers(0, 7),
)


def _drawn_event(draw: st.DrawFn) -> dict[str, Any]:
    organizer, apps = draw(_EVENT_FORMS)
    forms: list[tuple[Path, Any]] = [(("organizer_id",), organizer), (("mobile_app_ids",), apps)]
    return _spoilt(_event(), [*draw(_EVENT_SPOILS), *forms])


def _drawn_ticket(
    draw: st.DrawFn, event_ids: Sequence[ObjectId], account_ids: Sequence[Any]
) -> dict[str, Any]:
    form = draw(_TICKET_FORMS)
    event_wrap, owner_wrap, status, ticket_status, deleted_at, updated, created, *numbers = form
    wallet, event, owner = numbers
    event_id = event_ids[event % len(event_ids)] if event_ids else DANGLING
    owner_id = account_ids[owner % len(account_ids)] if account_ids else DANGLING
    spoils: list[tuple[Path, Any]] = [
        (("event_id",), event_wrap(event_id)),
        (("status",), ticket_status),
        (("updated_at",), updated),
        (("created_at",), created),
        (("wallet", "status"), status),
        (("wallet", "deleted_at"), deleted_at),
        (("wallet", "owner_id"), owner_wrap(owner_id)),
    ]
    # One ticket in three has an odd wallet, or none.
    if wallet < len(_WALLETS):
        spoils.append((("wallet",), _WALLETS[wallet]))
    return _spoilt(_ticket(), [*spoils, *draw(_TICKET_SPOILS)])


# ---------------------------------------------------------------- requests

_EDGES: tuple[datetime | None, ...] = (
    *([None] * 40),
    *(NOW + milliseconds * MILLISECOND for milliseconds in (-1, 0, 1)),
    *(NOW + microseconds * MICROSECOND for microseconds in (-1, 1, 999, -999)),
    *(NOW + DAY, NOW - DAY, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    *(datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
)
_CALLERS: tuple[dict[str, Any], ...] = (
    *([ADMIN] * 16 + [ORGANIZER] * 8),
    {"role": "Organizer", "organizer_id": "org-2"},
    {"user_type": "ORGANIZER", "organizer_id": "org-1"},
    {"role": "organizer"},
    {"role": "organizer", "organizer_id": "unknown"},
    {"role": "organizer", "organizer_id": "5"},
    {"role": "organizer", "organizer_id": ""},
    {
        "is_admin": True,
        "organizer_id": "org-2",
    },  # an admin sees all events, despite the organizer id
)


def report_arguments() -> st.SearchStrategy[dict[str, Any]]:
    """Keyword arguments of `tests.oracle_tickets.ticket_report`, all within their limits."""
    ids = [*map(str, IDS[:6]), *(str(id).upper() for id in IDS[:6]), str(DANGLING), str(IDS[9])]
    every = st.just([str(id) for id in IDS])
    return st.fixed_dictionaries(
        {
            "claims": st.sampled_from(_CALLERS),
            "event_ids": st.one_of(every, every, every, st.lists(st.sampled_from(ids), max_size=6)),
            "mobile_app_id": st.sampled_from(
                (*["app-1"] * 30, *["app-2"] * 3, "APP-1", "unknown", "5", "", "^a", "$x")
            ),
            "limit": st.sampled_from((1000, 20, 10, 5, 3, 2, 1)),
            "offset": st.sampled_from((*[0] * 8, 1, 2, 3, 5, 2**31 - 1)),
            "exclude_deleted": st.sampled_from((False, False, True)),
            "last_updated_since": st.sampled_from(_EDGES),
            "last_updated_before": st.sampled_from(_EDGES),
        }
    )


# ---------------------------------------------------------------- each odd value in each field


def nasty_reports() -> Dataset:
    """Every odd value in every field, one at a time. A fresh copy at each call.

    The first event has one ticket for each odd value in a ticket, and one for each in an account.
    The latter are INJECTED: a wrong server would show their initial owners. Each event with an odd
    value has one ticket.
    """
    first = oid(0xE0000)
    events = [{"_id": first, **_event()}]
    accounts = [{"_id": oid(0xD0000), **_account()}]
    tickets: list[dict[str, Any]] = []

    def add(event: ObjectId, owner: ObjectId, *spoils: tuple[Path, Any]) -> None:
        document = {"_id": oid(0xB0000 + len(tickets)), "event_id": event, **_ticket()}
        document["wallet"]["owner_id"] = owner
        tickets.append(_spoilt(document, spoils))

    for spoil in product([*TICKET_PATHS, ("event_id",), ("wallet", "owner_id")], ODD_VALUES):
        add(first, accounts[0]["_id"], spoil)
    for spoil in product(ACCOUNT_PATHS, ODD_VALUES):
        accounts.append({"_id": oid(0xD0000 + len(accounts)), **_spoilt(_account(), [spoil])})
        add(first, accounts[-1]["_id"], (("wallet", "status"), "INJECTED"))
    # Tickets without an account: the initial owner is shown.
    for path, value in product([p for p in TICKET_PATHS if "initial_owner" in p], ODD_VALUES):
        add(first, DANGLING, (("wallet", "status"), "INJECTED"), (path, value))
    for spoil in product(EVENT_PATHS, ODD_VALUES):
        events.append({"_id": oid(0xE0000 + len(events)), **_spoilt(_event(), [spoil])})
        add(events[-1]["_id"], accounts[0]["_id"])
    return {"events": events, "users": accounts, "tickets": tickets}
