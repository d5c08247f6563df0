"""The reference's paths: every number equals brute force, with the reference's names and types."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.viewer import Role, Viewer
from tests.conftest import Dataset
from tests.rest import reference
from tests.rest.conftest import Get
from tests.rest.reference import DASHBOARD_STATS, EVENTS_DASHBOARD, REPORT
from tests.strategies import NOW, datasets, nasty, oid
from tests.strategies_behaviour import nasty_behaviour
from tests.strategies_tickets import report_arguments, reports

Fill = Callable[[Dataset], None]


def _same(response: httpx.Response, expected: Mapping[str, Any]) -> None:
    """Asserts the answer's values with their types, and the order of its keys."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert repr(response.json()) == repr(expected)


async def _compare(get: Get, data: Dataset) -> None:
    _same(await get(f"{EVENTS_DASHBOARD}/overview"), reference.overview(data, NOW))
    _same(await get(f"{EVENTS_DASHBOARD}/events"), reference.events(data))
    _same(await get(f"{EVENTS_DASHBOARD}/promo-codes"), reference.promo_codes(data))
    _same(await get(f"{EVENTS_DASHBOARD}/orders"), reference.orders(data))
    _same(await get("/metrics/admin-dashboard"), reference.admin_dashboard(data))
    _same(await get("/metrics/staff-dashboard"), reference.staff_dashboard(data))
    _same(await get("/metrics/inventory"), reference.inventory(data))
    _same(
        await get("/metrics/inventory?active_only=0"), reference.inventory(data, active_only=False)
    )


@given(data=datasets())
async def test_every_number_equals_brute_force(fill: Fill, get: Get, data: Dataset) -> None:
    fill(data)
    await _compare(get, data)


@pytest.mark.parametrize("data", [nasty(), {}], ids=["bad documents", "no documents"])
async def test_bad_documents_and_none_equal_brute_force(
    fill: Fill, get: Get, data: Dataset
) -> None:
    fill(data)
    await _compare(get, data)


@pytest.mark.parametrize("mode", ["total", "unique"])
@pytest.mark.parametrize("data", [nasty_behaviour(), {}], ids=["bad documents", "no documents"])
async def test_behaviour_equals_brute_force(fill: Fill, get: Get, mode: str, data: Dataset) -> None:
    fill(data)
    expected = reference.dashboard_stats(data, mode=mode, now=NOW)
    _same(await get(f"{DASHBOARD_STATS}?mode={mode}"), expected)
    if mode == "total":
        _same(await get(DASHBOARD_STATS), expected)


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("page=1&limit=2", {"page": 1, "limit": 2}),
        ("limit=500&event_type=concert", {"limit": 500, "event_type": "concert"}),
        ("limit=500&active_only=True", {"limit": 500, "active_only": True}),
        ("limit=500&active_only=&event_type=&page=", {"limit": 500}),
        ("limit=500&utm_source=mail&token=x", {"limit": 500}),
    ],
)
async def test_parameters_choose_events(
    fill: Fill, get: Get, query: str, arguments: dict[str, Any]
) -> None:
    data = nasty()
    fill(data)
    expected = reference.events(data, **arguments)
    assert expected["total"]
    _same(await get(f"{EVENTS_DASHBOARD}/events?{query}"), expected)


async def test_an_event_has_a_path(fill: Fill, get: Get) -> None:
    data = nasty()
    fill(data)
    for document in data["events"]:
        expected = reference.event(data, document["_id"])
        _same(await get(f"{EVENTS_DASHBOARD}/events/{document['_id']}"), expected)


async def test_milliseconds_of_dates_are_shown_unless_they_are_zero(fill: Fill, get: Get) -> None:
    whole = NOW.replace(microsecond=0)
    fill({"events": [{"_id": oid(1), "event_date": NOW}, {"_id": oid(2), "event_date": whole}]})
    events = (await get(f"{EVENTS_DASHBOARD}/events")).json()["events"]
    assert [each["event_date"] for each in events] == [
        "2026-05-04T12:00:00.123+00:00",
        "2026-05-04T12:00:00+00:00",
    ]


@pytest.mark.parametrize("key", ["__proto__", "2024", "byType", "a.b", "", "$x", "é😀"])
async def test_any_text_can_be_a_key_of_a_map(fill: Fill, get: Get, key: str) -> None:
    data: Dataset = {
        "events": [{"_id": oid(1), "event_type": key}, {"_id": oid(2), "event_type": "z"}],
        "ticket_orders": [{"_id": oid(3), "payment_status": key, "amount_cents": 100}],
        "promo_codes": [{"_id": oid(4), "code_type": key, "is_active": True}],
    }
    fill(data)
    await _compare(get, data)
    overview = (await get(f"{EVENTS_DASHBOARD}/overview")).json()
    assert overview["events_by_type"][key or "unknown"] == 1


# ---------------------------------------------------------------- ticket report


def _url(arguments: Mapping[str, Any], event_id: str, *, in_path: bool) -> str:
    """The report of one event, with the oracle's arguments."""
    given = {
        "mobileAppId": arguments["mobile_app_id"],
        "limit": arguments["limit"],
        "offset": arguments["offset"],
        "excludeDeleted": arguments["exclude_deleted"],
    }
    for end in ("since", "before"):
        if (time := arguments[f"last_updated_{end}"]) is not None:
            given[f"lastUpdated{end.title()}"] = time.isoformat()
    if in_path:
        return f"{REPORT}/{event_id}/tickets?{urlencode(given)}"
    return f"{REPORT}/tickets?{urlencode({'eventId': event_id, **given})}"


def _sees(claims: Mapping[str, Any], event: Mapping[str, Any], app: str) -> bool:
    apps = event.get("mobile_app_ids")
    viewer = Viewer.of(claims)
    own = viewer.organizer_id is not None and viewer.organizer_id == event.get("organizer_id")
    return isinstance(apps, list) and app in apps and (viewer.role is Role.ADMIN or own)


@given(data=reports(), arguments=report_arguments(), in_path=st.booleans())
async def test_a_ticket_report_equals_brute_force(
    fill: Fill, get: Get, data: Dataset, arguments: dict[str, Any], in_path: bool
) -> None:
    fill(data)
    event = next(iter(data["events"]), None) or {"_id": oid(0xE00)}
    claims, app = arguments["claims"], arguments["mobile_app_id"]
    if not app or Viewer.of(claims).role not in (Role.ADMIN, Role.ORGANIZER):
        return
    response = await get(_url(arguments, str(event["_id"]), in_path=in_path), **claims)
    if _sees(claims, event, app):
        asked = {**arguments, "event_ids": [str(event["_id"])]}
        _same(response, reference.ticket_report(data, **asked))
    else:
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_report_has_up_to_ten_thousand_tickets(fill: Fill, get: Get) -> None:
    event = oid(0xE00)
    tickets = [{"_id": oid(number), "event_id": event} for number in range(10_001)]
    fill({"events": [{"_id": event, "mobile_app_ids": ["a"]}], "tickets": tickets})
    path = f"{REPORT}/{event}/tickets?mobileAppId=a&offset=1&limit="
    report = (await get(f"{path}10000")).json()
    assert report["total"] == 10_001
    assert [row["ticketId"] for row in report["result"]] == [
        str(each["_id"]) for each in tickets[1:]
    ]
    assert (await get(f"{path}10001")).status_code == 422
