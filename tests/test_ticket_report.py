"""`ticketReport` against its brute-force oracle, and the commands it sends to MongoDB."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import bson
import httpx
import pytest
from bson import Code, DBRef, Decimal128, ObjectId, Regex
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from auth.viewer import Viewer
from documents.ticket import Ticket
from tests import operations as operation
from tests import oracle_tickets as oracle
from tests.conftest import Ask, Dataset, Sent, post, token
from tests.strategies import DAY, MILLISECOND, NOW, oid
from tests.strategies_tickets import (
    ADMIN,
    MICROSECOND,
    ODD_VALUES,
    ORGANIZER,
    nasty_reports,
    report_arguments,
    reports,
)

Fill = Callable[[Dataset], None]
Mongo = Database[dict[str, Any]]
Arguments = dict[str, Any]

ROW = operation.every_field("TicketReportRow")


def _query(selection: str) -> str:
    return (
        "query ($eventIds: [ID!]!, $mobileAppId: String!, $limit: Int!, $offset: Int!,"
        " $excludeDeleted: Boolean!, $lastUpdatedSince: DateTime, $lastUpdatedBefore: DateTime) {"
        " ticketReport(eventIds: $eventIds, mobileAppId: $mobileAppId, limit: $limit,"
        " offset: $offset, excludeDeleted: $excludeDeleted, lastUpdatedSince: $lastUpdatedSince,"
        f" lastUpdatedBefore: $lastUpdatedBefore) {selection} }}"
    )


WHOLE = _query(f"{{ total result {ROW} }}")


def _variables(arguments: Arguments) -> dict[str, Any]:
    """The oracle's arguments as the operation's variables."""
    since, before = (arguments.get(f"last_updated_{end}") for end in ("since", "before"))
    return {
        "eventIds": arguments.get("event_ids", [str(EVENT)]),
        "mobileAppId": arguments.get("mobile_app_id", "app-1"),
        "limit": arguments.get("limit", 1000),
        "offset": arguments.get("offset", 0),
        "excludeDeleted": arguments.get("exclude_deleted", False),
        "lastUpdatedSince": None if since is None else since.isoformat(),
        "lastUpdatedBefore": None if before is None else before.isoformat(),
    }


async def _answer(
    ask: Ask, arguments: Arguments, selection: str | None = None
) -> Mapping[str, Any]:
    """The report; asserts that the response has no errors."""
    result = await ask(
        _query(selection) if selection else WHOLE,
        Viewer.of(arguments.get("claims", ADMIN)),
        **_variables(arguments),
    )
    assert result.errors is None
    assert result.data is not None
    answer: Mapping[str, Any] = result.data["ticketReport"]
    return answer


def _expected(data: Dataset, arguments: Arguments) -> Mapping[str, Any]:
    default: Arguments = {
        "claims": ADMIN,
        "event_ids": [str(EVENT)],
        "mobile_app_id": "app-1",
        "limit": 1000,
    }
    return oracle.ticket_report(data, **(default | arguments))


async def _ids(ask: Ask, **arguments: Any) -> list[int]:
    """The ids of the answered tickets, as numbers; asserts that `total` is their count."""
    answer = await _answer(ask, arguments, "{ total result { ticketId } }")
    ids = [int(row["ticketId"], 16) for row in answer["result"]]
    assert answer["total"] == len(ids)
    return ids


async def _refusal(ask: Ask, arguments: Arguments) -> object:
    """The error code of a refused report; asserts that there is no other answer."""
    claims = arguments.get("claims", ADMIN)
    result = await ask(WHOLE, Viewer.of(claims), **_variables(arguments))
    assert result.data == {"ticketReport": None}
    assert result.errors is not None
    (error,) = result.errors
    return (error.extensions or {}).get("code")


# ---------------------------------------------------------------- small data sets

EVENT, OTHER, HIDDEN, ELSEWHERE, UNOWNED, GONE = (oid(0xE00 + n) for n in range(6))
OWNER = oid(0xD00)


def _small() -> Dataset:
    """Events of two organizers and two applications; each has tickets with ids 0x…0 to 0x…4."""
    apps = {"mobile_app_ids": ["app-1"]}
    events = [
        {"_id": EVENT, "title": "Mine", "organizer_id": "org-1", **apps},
        {"_id": OTHER, "title": "Mine too", "organizer_id": "org-1", **apps},
        {"_id": HIDDEN, "title": "Not mine", "organizer_id": "org-2", **apps},
        {"_id": ELSEWHERE, "organizer_id": "org-1", "mobile_app_ids": ["app-2"]},
        {"_id": UNOWNED, "title": "Without an organizer", **apps},
    ]
    tickets = [
        {
            "_id": oid(0x1000 * number + ticket),
            "event_id": event,
            "status": "available",
            "wallet": {"status": "ACTIVATED", "owner_id": oid(0xD00 + ticket)},
            "created_at": NOW - DAY,
            "updated_at": NOW + ticket * MILLISECOND,
        }
        for ticket in range(5)
        for number, event in enumerate((EVENT, OTHER, HIDDEN, ELSEWHERE, UNOWNED, GONE), 1)
    ]
    users = [{"_id": oid(0xD00 + n), "email": f"{n}@example.com"} for n in range(4)]
    return {"events": events, "tickets": tickets, "users": users}


@pytest.fixture
def small(fill: Fill) -> Dataset:
    """The data set `_small`, written to the database."""
    data = _small()
    fill(data)
    return data


def _one(ticket: dict[str, Any], **wallet: Any) -> Dataset:
    """One event with one ticket, and one account."""
    return {
        "events": [{"_id": EVENT, "mobile_app_ids": ["app-1"]}],
        "tickets": [{"_id": oid(1), "event_id": EVENT, "wallet": wallet, **ticket}],
        "users": [{"_id": OWNER, "email": "owner@example.com", "first_name": "", "phone": 5}],
    }


async def _row(fill: Fill, ask: Ask, data: Dataset) -> Mapping[str, Any]:
    fill(data)
    (row,) = (await _answer(ask, {}))["result"]
    assert isinstance(row, Mapping)
    return row


# ---------------------------------------------------------------- against brute force


@given(data=reports(), requests=st.lists(report_arguments(), min_size=1, max_size=3))
async def test_a_report_equals_brute_force(
    fill: Fill, ask: Ask, data: Dataset, requests: list[Arguments]
) -> None:
    fill(data)
    for arguments in requests:
        assert await _answer(ask, arguments) == _expected(data, arguments)


async def test_every_odd_value_in_every_field_equals_brute_force(fill: Fill, ask: Ask) -> None:
    data = nasty_reports()
    fill(data)
    ids = [str(event["_id"]) for event in data["events"]]
    offset, total = 0, 1
    while offset < total:
        arguments = {"event_ids": ids, "offset": offset}
        answer, expected = await _answer(ask, arguments), _expected(data, arguments)
        assert answer["total"] == expected["total"]
        for row, wanted in zip(answer["result"], expected["result"], strict=True):
            assert row == wanted
        offset, total = offset + 1000, expected["total"]


async def test_an_empty_database_answers_an_empty_report(fill: Fill, ask: Ask) -> None:
    fill({})
    assert await _answer(ask, {}) == {"total": 0, "result": []}


async def test_a_field_selected_alone_has_the_same_value(fill: Fill, ask: Ask) -> None:
    data = nasty_reports()
    data = {**data, "tickets": data["tickets"][::97]}
    fill(data)
    expected = _expected(data, {})["result"]
    for field in operation.fields_of("TicketReportRow"):
        answer = await _answer(ask, {}, f"{{ result {{ {field} }} }}")
        assert answer == {"result": [{field: row[field]} for row in expected]}


async def test_two_selections_of_the_tickets_are_both_answered(small: Dataset, ask: Ask) -> None:
    selection = "{ all: total ids: result { ticketId } owners: result { ticketId ownerEmail } }"
    rows = _expected(small, {})["result"]
    assert await _answer(ask, {}, selection) == {
        "all": 5,
        "ids": [{"ticketId": row["ticketId"]} for row in rows],
        "owners": [{name: row[name] for name in ("ticketId", "ownerEmail")} for row in rows],
    }


def _no_constant(name: str) -> object:
    raise AssertionError(f"JSON has no {name}")


async def test_any_value_of_a_json_field_is_answered_as_json(
    fill: Fill, http: httpx.AsyncClient
) -> None:
    values = [{"value": value} for value in ODD_VALUES[1:]]
    data = _one({}, ticket_holder={"all": values}, metadata={"all": values})
    wallet = data["tickets"][0]["wallet"]
    wallet |= {"devices": {"all": values}, "activation_details": values}
    fill(data)
    response = await post(http, WHOLE, token(**ADMIN), **_variables({}))
    answer = json.loads(response.content, parse_constant=_no_constant)
    assert answer == {"data": {"ticketReport": _expected(data, {})}}


# ---------------------------------------------------------------- single fields


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (12345, "123.45"),
        (0, "0.00"),
        (5, "0.05"),
        (-250, "-2.50"),
        (-5, "-0.05"),
        (10**12 - 1, "9999999999.99"),
        # Rounded half to even; zero has no sign.
        (0.5, "0.00"),
        (1.5, "0.02"),
        (333.7, "3.34"),
        (-0.0, "0.00"),
        (-0.4, "0.00"),
        (Decimal128("-0"), "0.00"),
        (Decimal128("2.50"), "0.02"),
        # Not numbers, or out of range: no price.
        (None, None),
        ("12345", None),
        (True, None),
        ([12345], None),
        (float("nan"), None),
        (10**12, None),
    ],
)
async def test_a_price_is_a_decimal_text_in_major_units(
    fill: Fill, ask: Ask, price: object, shown: str | None
) -> None:
    row = await _row(fill, ask, _one({}, purchase={"price_cents": price}))
    assert row["purchasePrice"] == shown


@pytest.mark.parametrize(
    ("status", "wallet_status", "shown"),
    [
        ("available", "ACTIVATED", "ACTIVATED"),
        ("available", "activated", "activated"),
        ("available", None, "AVAILABLE"),
        ("available", "", "AVAILABLE"),
        ("available", ["ACTIVATED"], "AVAILABLE"),
        ("available", Code("ACTIVATED"), "AVAILABLE"),
        (None, None, ""),
        (["available"], {}, ""),
    ],
)
async def test_the_status_is_that_of_the_wallet_or_that_of_the_ticket_in_capitals(
    fill: Fill, ask: Ask, status: object, wallet_status: object, shown: str
) -> None:
    row = await _row(fill, ask, _one({"status": status}, status=wallet_status))
    assert row["status"] == shown


INITIAL = {"id": "i", "email": "initial@example.com", "first_name": "Ini", "last_name": "Tial"}
NAMES = ("ownerEmail", "ownerFirstName", "ownerLastName", "ownerPhone")


@pytest.mark.parametrize(
    ("status", "owner", "shown"),
    [
        # All from the account, even if it lacks the names.
        ("INJECTED", OWNER, ("owner@example.com", None, None, "5")),
        ("ACTIVATED", OWNER, ("owner@example.com", None, None, "5")),
        ("INJECTED", oid(0xDFF), ("initial@example.com", "Ini", "Tial", None)),
        ("INJECTED", None, ("initial@example.com", "Ini", "Tial", None)),
        ("INJECTED", [OWNER], ("initial@example.com", "Ini", "Tial", None)),
        ("INJECTED", str(OWNER), ("initial@example.com", "Ini", "Tial", None)),
        ("INJECTED", Regex(".*"), ("initial@example.com", "Ini", "Tial", None)),
        ("ACTIVATED", oid(0xDFF), (None, None, None, None)),
        ("injected", None, (None, None, None, None)),
        (["INJECTED"], None, (None, None, None, None)),
        # An id that looks like an operator is still an id.
        ("INJECTED", {"$gt": ""}, ("initial@example.com", "Ini", "Tial", None)),
        ("INJECTED", {"$ne": None}, ("initial@example.com", "Ini", "Tial", None)),
        ("ACTIVATED", {"$in": [OWNER]}, (None, None, None, None)),
        ("ACTIVATED", {"$oid": str(OWNER)}, (None, None, None, None)),
        ("DELETED", None, (None, None, None, None)),
    ],
)
async def test_the_owner_is_the_account_or_for_injected_tickets_the_initial_owner(
    fill: Fill, ask: Ask, status: object, owner: object, shown: tuple[str | None, ...]
) -> None:
    data = _one({}, status=status, owner_id=owner, initial_owner=INITIAL)
    row = await _row(fill, ask, data)
    assert tuple(row[name] for name in NAMES) == shown
    assert row["initialOwnerId"] == "i"


async def test_numbers_and_object_ids_are_shown_as_texts(fill: Fill, ask: Ask) -> None:
    data = _one(
        {},
        previous_owner_id=OWNER,
        ticket_number=2**53 + 1,
        barcode=4006381333931,
        organizer_ticket_id=-5,
        deletion_reason=True,
    )
    row = await _row(fill, ask, data)
    assert row["previousOwnerId"] == str(OWNER)
    assert row["ticketNumber"] == "9007199254740993"
    assert row["ticketBarcode"] == "4006381333931"
    assert row["organizerTicketId"] == "-5"
    assert row["deletionReason"] is None


async def test_javascript_code_is_not_a_text(fill: Fill, ask: Ask) -> None:
    data = _one({}, barcode=Code("f()"), seating={"gate": Code("f()", {"x": 1})})
    data = {**data, "events": [{**data["events"][0], "title": Code("f()")}]}
    row = await _row(fill, ask, data)
    assert [row[name] for name in ("eventName", "ticketBarcode", "seatingGate")] == [None] * 3


@pytest.mark.parametrize("exclude_deleted", [False, True])
async def test_a_document_that_looks_like_a_reference_is_read_as_a_document(
    fill: Fill, ask: Ask, exclude_deleted: bool
) -> None:
    # PyMongo turns a document with the fields `$ref` and `$id` into a DBRef.
    wallets = [
        DBRef("wallets", 1, status="ACTIVATED", barcode="barcode"),
        DBRef("wallets", 1, status="DELETED"),
        {"status": "INJECTED", "initial_owner": DBRef("users", 1, email="initial@example.com")},
        {"purchase": DBRef("purchases", 1, price_cents=100), "seating": DBRef("s", 1, gate="gate")},
    ]
    tickets = [
        {"_id": oid(n), "event_id": EVENT, "wallet": wallet} for n, wallet in enumerate(wallets)
    ]
    data = {**_one({}), "tickets": tickets}
    fill(data)
    arguments = {"exclude_deleted": exclude_deleted}
    answer = await _answer(ask, arguments)
    assert answer == _expected(data, arguments)
    statuses = [row["status"] for row in answer["result"]]
    assert statuses == ["ACTIVATED", *["DELETED"] * (not exclude_deleted), "INJECTED", ""]


async def test_a_reference_in_a_json_field_is_a_document(fill: Fill, ask: Ask) -> None:
    reference = DBRef("users", OWNER)
    shown = {"$ref": "users", "$id": str(OWNER)}
    row = await _row(fill, ask, _one({}, metadata={"of": reference}, devices=reference))
    assert row["ticketMetadata"] == {"of": shown}
    assert row["devicesMap"] == shown


async def test_texts_with_invalid_utf8_do_not_break_a_report(
    fill: Fill, ask: Ask, mongo: Mongo
) -> None:
    data = _one({}, status="xxx", barcode="xxx", owner_id="xxx", metadata={"xxx": ["xxx"]})
    fill({**data, "tickets": []})
    whole = bson.encode(data["tickets"][0])
    mongo["tickets"].insert_one(RawBSONDocument(whole.replace(b"xxx\0", b"\xff\xfe\xfd\0")))
    (row,) = (await _answer(ask, {}))["result"]
    assert row["ticketId"] == str(oid(1))
    assert row["ownerEmail"] is None


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 1000])
async def test_the_pages_together_are_the_whole_report(
    small: Dataset, ask: Ask, limit: int
) -> None:
    both: Arguments = {"event_ids": [str(OTHER), str(EVENT)]}
    whole = await _answer(ask, both)
    assert whole["total"] == len(whole["result"]) == 10
    assert whole == _expected(small, both)
    rows: list[Any] = []
    for offset in range(0, 12, limit):
        page = await _answer(ask, {**both, "limit": limit, "offset": offset})
        assert page["total"] == 10
        assert len(page["result"]) <= limit
        rows += page["result"]
    assert rows == whole["result"]


@pytest.mark.parametrize("offset", [5, 1000, 2**31 - 1])
async def test_a_page_beyond_the_last_is_empty(small: Dataset, ask: Ask, offset: int) -> None:
    assert await _answer(ask, {"offset": offset}) == {"total": 5, "result": []}


@pytest.mark.parametrize(
    "arguments",
    [{"limit": 0}, {"limit": -1}, {"limit": 1001}, {"limit": 2**31 - 1}, {"offset": -1}],
)
@pytest.mark.parametrize("claims", [ADMIN, ORGANIZER, {"role": "organizer"}])
async def test_a_limit_or_an_offset_out_of_range_is_refused(
    small: Dataset, ask: Ask, sent: Sent, arguments: Arguments, claims: dict[str, Any]
) -> None:
    assert await _refusal(ask, {**arguments, "claims": claims}) == "BAD_USER_INPUT"
    assert sent.commands == []


# ---------------------------------------------------------------- events

MALFORMED = (
    "",
    " ",
    "0",
    "e00",
    "0" * 23,
    "0" * 25,
    "g" * 24,
    "-" + "0" * 23,
    "0x" + "0" * 22,
    "0" * 23 + "\n",
    "0" * 24 + "\n",
    " " + "0" * 24,
    "00 " * 8,  # eight bytes with blanks between them
    "０" * 24,
    "0" * 23 + "\ud800",
    f'ObjectId("{"0" * 24}")',
    f'{{"$oid": "{"0" * 24}"}}',
)


@pytest.mark.parametrize("id", MALFORMED)
async def test_a_malformed_event_id_is_refused(
    small: Dataset, ask: Ask, sent: Sent, id: str
) -> None:
    for event_ids in ([id], [str(EVENT), id], [id, str(EVENT)]):
        assert await _refusal(ask, {"event_ids": event_ids}) == "BAD_USER_INPUT"
        assert sent.commands == []
    arguments = {"claims": {"role": "organizer"}, "event_ids": [id]}
    assert await _refusal(ask, arguments) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("event_ids", "found"),
    [
        ([], []),
        ([EVENT, EVENT], range(0x1000, 0x1005)),
        ([EVENT, OTHER, EVENT], [*range(0x1000, 0x1005), *range(0x2000, 0x2005)]),
        ([OTHER, EVENT], [*range(0x1000, 0x1005), *range(0x2000, 0x2005)]),
        ([GONE], []),
        ([GONE, ELSEWHERE, OTHER], range(0x2000, 0x2005)),
    ],
)
async def test_repeated_event_ids_count_once_and_missing_events_are_ignored(
    small: Dataset, ask: Ask, event_ids: list[ObjectId], found: list[int]
) -> None:
    assert await _ids(ask, event_ids=[str(id) for id in event_ids]) == [*found]


async def test_an_event_id_in_capitals_is_the_same_event(fill: Fill, ask: Ask) -> None:
    event = ObjectId("ab" * 12)
    fill(
        {
            "events": [{"_id": event, "mobile_app_ids": ["app-1"]}],
            "tickets": [{"_id": oid(1), "event_id": event}],
        }
    )
    assert await _ids(ask, event_ids=["AB" * 12, "ab" * 12, "aB" * 12]) == [1]


@pytest.mark.parametrize(
    "apps",
    [
        None,
        [],
        "app-1",
        {"0": "app-1"},
        [["app-1"]],
        [Code("app-1")],
        ["APP-1"],
        ["app-11", "app", ""],
        [Regex(".*")],
        [{"$gt": ""}],
        5,
        [5],
        [EVENT],
    ],
)
async def test_an_event_of_another_application_is_ignored(
    fill: Fill, ask: Ask, apps: object
) -> None:
    fill(
        {
            "events": [{"_id": EVENT, "mobile_app_ids": apps}, {"_id": OTHER}],
            "tickets": [{"_id": oid(1), "event_id": EVENT}, {"_id": oid(2), "event_id": OTHER}],
        }
    )
    for app in ("app-1", "5", str(EVENT), ".*"):
        assert await _ids(ask, event_ids=[str(EVENT), str(OTHER)], mobile_app_id=app) == []


async def test_an_empty_application_id_matches_no_events(fill: Fill, ask: Ask) -> None:
    fill(
        {
            "events": [{"_id": EVENT, "mobile_app_ids": ["", None]}, {"_id": OTHER}],
            "tickets": [{"_id": oid(1), "event_id": EVENT}, {"_id": oid(2), "event_id": OTHER}],
        }
    )
    assert await _ids(ask, event_ids=[str(EVENT), str(OTHER)], mobile_app_id="") == []


@pytest.mark.parametrize(
    "event_id",
    [None, [EVENT], [OTHER, EVENT], str(EVENT), {"_id": EVENT}, Regex(".*"), EVENT.binary],
)
async def test_a_ticket_belongs_to_the_event_whose_id_it_has(
    fill: Fill, ask: Ask, event_id: object
) -> None:
    fill(
        {
            **_one({}),
            "tickets": [{"_id": oid(1), "event_id": event_id}, {"_id": oid(2), "event_id": EVENT}],
        }
    )
    assert await _ids(ask) == [2]


# ---------------------------------------------------------------- scopes


@pytest.mark.parametrize("event", [HIDDEN, ELSEWHERE, UNOWNED, GONE, oid(0xEFF)])
async def test_an_organizer_cannot_distinguish_a_hidden_event_from_a_missing_one(
    small: Dataset, http: httpx.AsyncClient, event: ObjectId
) -> None:
    answers = [
        await post(http, WHOLE, token(**ORGANIZER), **_variables({"event_ids": [str(id)]}))
        for id in (event, oid(0xEFE))
    ]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].content == answers[1].content
    assert answers[0].json() == {"data": {"ticketReport": {"total": 0, "result": []}}}


async def test_an_organizer_sees_only_own_events(small: Dataset, http: httpx.AsyncClient) -> None:
    event_ids = [str(id) for id in (HIDDEN, OTHER, GONE, UNOWNED, EVENT, ELSEWHERE)]
    variables = _variables({"event_ids": event_ids})
    response = await post(http, WHOLE, token(**ORGANIZER), **variables)
    expected = _expected(small, {"claims": ORGANIZER, "event_ids": event_ids})
    assert response.json() == {"data": {"ticketReport": expected}}
    assert {row["eventId"] for row in expected["result"]} == {str(EVENT), str(OTHER)}


async def test_an_admin_sees_events_of_all_organizers_and_events_without_one(
    small: Dataset, http: httpx.AsyncClient
) -> None:
    event_ids = [str(id) for id in (EVENT, HIDDEN, UNOWNED)]
    for claims in (ADMIN, {**ADMIN, "organizer_id": "org-9"}, {"is_admin": True}):
        variables = _variables({"event_ids": event_ids})
        response = await post(http, WHOLE, token(**claims), **variables)
        expected = _expected(small, {"claims": claims, "event_ids": event_ids})
        assert expected["total"] == 15
        assert response.json() == {"data": {"ticketReport": expected}}


@pytest.mark.parametrize("claim", [None, "", 5, True, [], ["org-1"], {"$ne": ""}, "unknown", " "])
async def test_an_organizer_without_a_valid_organizer_id_sees_no_events(
    fill: Fill, http: httpx.AsyncClient, claim: object
) -> None:
    holders: list[Any] = [None, "", "unknown ", 5, True, ["org-1"], "org-1", [], "None", "null"]
    events = [
        {"_id": oid(0xE00 + n), "organizer_id": holder, "mobile_app_ids": ["app-1"]}
        for n, holder in enumerate(holders)
    ]
    events.append({"_id": oid(0xEEE), "mobile_app_ids": ["app-1"]})
    ids = [event["_id"] for event in events]
    tickets = [{"_id": oid(n), "event_id": id} for n, id in enumerate(ids)]
    fill({"events": events, "tickets": tickets})
    variables = _variables({"event_ids": [str(id) for id in ids]})
    response = await post(http, WHOLE, token(role="organizer", organizer_id=claim), **variables)
    assert response.json() == {"data": {"ticketReport": {"total": 0, "result": []}}}


@pytest.mark.parametrize(
    ("holder", "claim"),
    [
        (5, "5"),
        (OWNER, str(OWNER)),
        (Code("org-1"), "org-1"),
        (["org-1"], "org-1"),
        (["org-2", "org-1"], "org-1"),
        ({"a": "org-1"}, "org-1"),
        ("ORG-1", "org-1"),
        ("org-1 ", "org-1"),
        ("e\u0301", "é"),
        ("org-1", ".*"),
        ("org-1", "$organizer_id"),
        (Regex(".*"), "org-1"),
    ],
)
async def test_an_organizer_id_matches_only_exactly_the_same_text(
    fill: Fill, ask: Ask, holder: object, claim: str
) -> None:
    event = {"_id": EVENT, "organizer_id": holder, "mobile_app_ids": ["app-1"]}
    fill({"events": [event], "tickets": [{"_id": oid(1), "event_id": EVENT}]})
    assert await _ids(ask, claims={"role": "organizer", "organizer_id": claim}) == []
    assert await _ids(ask) == [1]


@pytest.mark.parametrize("claims", [{"role": "staff"}, {"role": "customer"}, {}])
async def test_other_roles_see_no_report(
    small: Dataset, ask: Ask, sent: Sent, claims: dict[str, Any]
) -> None:
    assert await _refusal(ask, {"claims": {**claims, "organizer_id": "org-1"}}) == "FORBIDDEN"
    assert sent.commands == []


# ---------------------------------------------------------------- ticket filters


async def test_exclude_deleted_leaves_out_exactly_the_deleted_tickets(fill: Fill, ask: Ask) -> None:
    wallets: list[Any] = [
        {"status": "ACTIVATED"},
        {"status": "DELETED"},
        {"status": "ACTIVATED", "deleted_at": NOW + DAY},
        # Not deleted: these only look so.
        {"status": "deleted"},
        {"status": ["DELETED"], "deleted_at": [NOW]},
        {"status": Code("DELETED"), "deleted_at": "2026-01-01T00:00:00.000Z"},
        [{"status": "DELETED", "deleted_at": NOW}],
        None,
    ]
    tickets = [
        {"_id": oid(n), "event_id": EVENT, "status": "DELETED", "wallet": wallet}
        for n, wallet in enumerate(wallets)
    ]
    fill({**_one({}), "tickets": tickets})
    assert await _ids(ask) == [*range(8)]
    assert await _ids(ask, exclude_deleted=True) == [0, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("since", "before", "found"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (NOW, None, [0, 1, 2, 3, 4]),
        (NOW + MICROSECOND, None, [1, 2, 3, 4]),
        (NOW + MILLISECOND - MICROSECOND, None, [1, 2, 3, 4]),
        (NOW + MILLISECOND, None, [1, 2, 3, 4]),
        (NOW + 4 * MILLISECOND, None, [4]),
        (NOW + 4 * MILLISECOND + MICROSECOND, None, []),
        (None, NOW, []),
        (None, NOW + MICROSECOND, [0]),
        (None, NOW + MILLISECOND - MICROSECOND, [0]),
        (None, NOW + MILLISECOND, [0]),
        (None, NOW + MILLISECOND + MICROSECOND, [0, 1]),
        (NOW + MILLISECOND, NOW + 3 * MILLISECOND, [1, 2]),
        (NOW + MICROSECOND, NOW + MILLISECOND + MICROSECOND, [1]),
        (NOW + MICROSECOND, NOW + 2 * MICROSECOND, []),
        (NOW + MILLISECOND, NOW + MILLISECOND, []),
        (NOW + DAY, NOW - DAY, []),
        (datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), [0, 1, 2, 3, 4]),
        (datetime.max.replace(tzinfo=UTC), None, []),
    ],
)
async def test_tickets_are_filtered_by_the_time_of_their_last_update(
    small: Dataset, ask: Ask, since: datetime | None, before: datetime | None, found: list[int]
) -> None:
    given = {"last_updated_since": since, "last_updated_before": before}
    assert await _ids(ask, **given) == [0x1000 + number for number in found]
    assert _expected(small, given)["total"] == len(found)


async def test_a_ticket_without_an_update_has_the_time_of_its_creation(
    fill: Fill, ask: Ask
) -> None:
    later = NOW + DAY
    times: list[dict[str, Any]] = [
        {"updated_at": NOW, "created_at": later},
        {"updated_at": None, "created_at": NOW},
        {"created_at": NOW},
        {"updated_at": [later], "created_at": NOW},
        {"updated_at": "2026-05-05T12:00:00.123Z", "created_at": NOW},
        # One day later.
        {"updated_at": later, "created_at": NOW},
        {"updated_at": None, "created_at": later},
        {"updated_at": [NOW], "created_at": later},
        # No time at all: neither filter matches.
        {},
        {"updated_at": [NOW], "created_at": [NOW]},
        {"updated_at": "", "created_at": None},
    ]
    tickets = [{"_id": oid(n), "event_id": EVENT, **each} for n, each in enumerate(times)]
    fill({**_one({}), "tickets": tickets})
    assert await _ids(ask) == [*range(11)]
    assert await _ids(ask, last_updated_since=NOW) == [*range(8)]
    assert await _ids(ask, last_updated_since=NOW, last_updated_before=later) == [*range(5)]
    assert await _ids(ask, last_updated_before=later) == [*range(5)]
    assert await _ids(ask, last_updated_since=later) == [5, 6, 7]


@pytest.mark.parametrize("name", ["lastUpdatedSince", "lastUpdatedBefore"])
@pytest.mark.parametrize(
    ("time", "found"),
    [
        # One time with several offsets: tickets 1 to 4 were updated since, ticket 0 before.
        ("2026-05-04T12:00:00.124Z", 1),
        ("2026-05-04T12:00:00.124+00:00", 1),
        ("2026-05-04T07:00:00.124-05:00", 1),
        ("2026-05-05T02:00:00.124+14:00", 1),
    ],
)
async def test_a_time_may_have_any_offset(
    small: Dataset, http: httpx.AsyncClient, name: str, time: str, found: int
) -> None:
    variables = {**_variables({}), name: time}
    response = await post(http, _query("{ total }"), token(**ADMIN), **variables)
    total = 5 - found if name == "lastUpdatedSince" else found
    assert response.json() == {"data": {"ticketReport": {"total": total}}}


@pytest.mark.parametrize("name", ["lastUpdatedSince", "lastUpdatedBefore"])
@pytest.mark.parametrize(
    "time", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-05-04T25:00:00Z", 5, True, [], {}]
)
async def test_an_invalid_time_in_a_variable_is_refused(
    small: Dataset, http: httpx.AsyncClient, name: str, time: object
) -> None:
    variables = {**_variables({}), name: time}
    response = await post(http, _query("{ total }"), token(**ADMIN), **variables)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("time", ['""', '"yesterday"', "5", "true", "[]", "YESTERDAY"])
async def test_an_invalid_time_in_the_query_is_refused(
    small: Dataset, http: httpx.AsyncClient, time: str
) -> None:
    query = (
        f'{{ ticketReport(eventIds: "{EVENT}", mobileAppId: "app-1", limit: 1,'
        f" lastUpdatedSince: {time}) {{ total }} }}"
    )
    (error,) = (await post(http, query, token(**ADMIN))).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("time", ["2026-05-04T12:00:00.123", "2026-05-04", "2026-W19-1"])
async def test_a_time_without_an_offset_is_refused(
    small: Dataset, http: httpx.AsyncClient, time: str
) -> None:
    variables = {**_variables({}), "lastUpdatedSince": time}
    response = await post(http, _query("{ total }"), token(**ADMIN), **variables)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", ["lastUpdatedSince", "lastUpdatedBefore"])
@pytest.mark.parametrize(
    "time",
    [
        # In UTC the first two are in the years 0 and 10000.
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-12:00",
        "0001-01-01T00:00:00.000001+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ],
)
async def test_a_time_at_the_ends_of_the_calendar_is_answered_or_refused(
    small: Dataset, http: httpx.AsyncClient, name: str, time: str
) -> None:
    variables = {**_variables({}), name: time}
    body = (await post(http, _query("{ total }"), token(**ADMIN), **variables)).json()
    if "errors" in body:
        assert [e["extensions"]["code"] for e in body["errors"]] == ["BAD_USER_INPUT"]
    else:
        all_or_none = time.startswith("0001") == (name == "lastUpdatedSince")
        assert body["data"]["ticketReport"]["total"] == (5 if all_or_none else 0)


# ---------------------------------------------------------------- commands sent to MongoDB


def _aggregated(sent: Sent) -> list[str]:
    """The collections that were read. Besides reads, only `explain` is sent."""
    assert {command for command, _ in sent.commands} <= {"aggregate", "explain"}
    return [collection for command, collection in sent.commands if command == "aggregate"]


async def test_a_whole_page_sends_four_commands(small: Dataset, ask: Ask, sent: Sent) -> None:
    answer = await _answer(ask, {"event_ids": [str(EVENT), str(OTHER)]})
    assert len({row["ownerEmail"] for row in answer["result"]}) == 5
    assert sorted(_aggregated(sent)) == ["events", "tickets", "tickets", "users"]


async def test_owners_of_a_page_are_loaded_at_once(fill: Fill, ask: Ask, sent: Sent) -> None:
    users = [{"_id": oid(0xD000 + n), "email": f"{n}"} for n in range(1000)]
    tickets = [
        {"_id": oid(n), "event_id": EVENT, "wallet": {"owner_id": user["_id"]}}
        for n, user in enumerate(users)
    ]
    fill({**_one({}), "tickets": tickets, "users": users})
    answer = await _answer(ask, {}, "{ result { ownerEmail } }")
    assert answer["result"] == [{"ownerEmail": str(n)} for n in range(1000)]
    assert sent.to("users") == 1


@pytest.mark.parametrize("field", operation.fields_of("TicketReportRow"))
async def test_accounts_are_read_only_for_fields_of_owners(
    small: Dataset, ask: Ask, sent: Sent, field: str
) -> None:
    await _answer(ask, {}, f"{{ result {{ {field} }} }}")
    assert sent.to("users") == field.startswith("owner")
    assert sent.to("tickets") == 1
    assert sent.to("events") == 1


async def test_a_page_without_owners_reads_no_accounts(fill: Fill, ask: Ask, sent: Sent) -> None:
    fill(_one({}, status="INJECTED", initial_owner=INITIAL))
    answer = await _answer(ask, {}, "{ result { ownerEmail ownerPhone } }")
    assert answer["result"] == [{"ownerEmail": INITIAL["email"], "ownerPhone": None}]
    assert sent.to("users") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"event_ids": [str(HIDDEN), str(GONE)], "claims": ORGANIZER},
        {"event_ids": [str(ELSEWHERE)]},
        {"event_ids": [str(GONE)]},
        {"event_ids": []},
        {"claims": {"role": "organizer"}},
    ],
)
async def test_nothing_is_sent_to_tickets_if_no_event_is_visible(
    small: Dataset, ask: Ask, sent: Sent, arguments: Arguments
) -> None:
    assert await _answer(ask, arguments) == {"total": 0, "result": []}
    assert {name for _, name in sent.commands} <= {"events"}


async def test_tickets_are_counted_only_for_the_total(small: Dataset, ask: Ask, sent: Sent) -> None:
    await _answer(ask, {}, "{ result { ticketId } }")
    assert sent.to("tickets") == 1
    await _answer(ask, {}, "{ total result { ticketId } }")
    assert sent.to("tickets") == 2
    assert await _answer(ask, {}, "{ total }") == {"total": 5}
    assert _aggregated(sent) == ["events", "tickets"]


async def test_two_reports_in_one_operation_do_not_mix(small: Dataset, ask: Ask) -> None:
    arguments = 'mobileAppId: "app-1", limit: 2, offset'
    result = await ask(
        f'{{ a: ticketReport(eventIds: ["{EVENT}"], {arguments}: 1) {{ total result {ROW} }}'
        f' b: ticketReport(eventIds: ["{OTHER}"], {arguments}: 3) {{ total result {ROW} }}'
        f' c: ticketReport(eventIds: ["{OTHER}"], {arguments}: 3, excludeDeleted: true)'
        " { result { ownerEmail } } }"
    )
    assert result.errors is None
    assert result.data is not None
    first = _expected(small, {"limit": 2, "offset": 1})
    second = _expected(small, {"event_ids": [str(OTHER)], "limit": 2, "offset": 3})
    assert result.data["a"] == first
    assert result.data["b"] == second
    emails = [{"ownerEmail": row["ownerEmail"]} for row in second["result"]]
    assert result.data["c"] == {"result": emails}


# ---------------------------------------------------------------- query plans


@pytest.fixture
def indexed(mongo: Mongo) -> Iterator[None]:
    """A new collection with the declared indexes, which are dropped at the end."""
    mongo.drop_collection("tickets")
    mongo["tickets"].create_indexes(Ticket.Settings.indexes)
    yield
    mongo["tickets"].drop_indexes()


def _stages(plan: Any) -> Iterator[str]:
    """The stages of the winning plan, at any depth."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for key, value in plan.items():
            if key == "stages":
                yield from (name for stage in value for name in stage)
            if key not in {"rejectedPlans", "command"}:
                yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


@pytest.mark.parametrize("arrays", [False, True], ids=["array-free", "with an array"])
@pytest.mark.parametrize("events", [1, 3])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"exclude_deleted": True},
        {"last_updated_since": NOW, "last_updated_before": NOW + DAY},
    ],
    ids=["all", "not deleted", "updated"],
)
async def test_a_late_page_is_read_in_the_order_of_an_index(
    indexed: None,
    mongo: Mongo,
    fill: Fill,
    ask: Ask,
    sent: Sent,
    filters: Arguments,
    events: int,
    arrays: bool,
) -> None:
    ids = [oid(0xE00 + n) for n in range(4)]
    tickets: list[dict[str, Any]] = [
        {
            "_id": oid(n),
            "event_id": ids[n % 4],
            "updated_at": NOW,
            "wallet": {"status": "ACTIVATED", "owner_id": OWNER},
        }
        for n in range(8000)
    ]
    if arrays:
        tickets.append({"_id": oid(9000), "event_id": ids})
    data = {
        **_one({}),
        "events": [{"_id": id, "mobile_app_ids": ["app-1"]} for id in ids],
        "tickets": tickets,
    }
    fill(data)
    event_ids = [str(id) for id in ids[:events]]
    arguments = {"event_ids": event_ids, "limit": 10, "offset": 1900 * events, **filters}
    assert await _answer(ask, arguments) == _expected(data, arguments)

    read = [pipeline for pipeline in sent.pipelines if "event_id" in str(pipeline)]
    assert len(read) == 2
    for pipeline in read:
        explained = mongo.command(
            "explain",
            {
                "aggregate": "tickets",
                "pipeline": pipeline,
                "cursor": {},
                "allowDiskUse": True,
                "collation": {"locale": "simple"},
            },
            verbosity="queryPlanner",
        )
        stages = {*_stages(explained)}
        assert stages & {"IXSCAN", "COUNT_SCAN"}
        assert stages.isdisjoint({"COLLSCAN", "SORT", "$sort"}), pipeline
