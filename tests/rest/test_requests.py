"""Requests to the reference's paths: who may send them, parameters, statuses, errors, caching."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.conftest import Dataset, post, token
from tests.rest.conftest import Get
from tests.rest.reference import DASHBOARD_STATS, EVENTS_DASHBOARD, REPORT
from tests.strategies import NOW, oid

EVENT, OTHER = oid(0xE01), oid(0xE02)
DATA: Dataset = {
    "events": [
        {"_id": EVENT, "title": "Mine", "organizer_id": "org-1", "mobile_app_ids": ["app-1"]},
        {"_id": OTHER, "title": "Theirs", "organizer_id": "org-2", "mobile_app_ids": ["app-1"]},
    ],
    "tickets": [{"_id": oid(0xB01), "event_id": EVENT, "created_at": NOW}],
}
ADMINS = [
    *(f"{EVENTS_DASHBOARD}/{end}" for end in ("overview", "events", f"events/{EVENT}")),
    *(f"{EVENTS_DASHBOARD}/{end}" for end in ("promo-codes", "orders")),
    DASHBOARD_STATS,
    "/metrics/admin-dashboard",
]
TICKETS = f"{REPORT}/tickets?eventId={EVENT}&mobileAppId=app-1&limit=10&offset=0"
IN_PATH = f"{REPORT}/{EVENT}/tickets?mobileAppId=app-1&limit=10&offset=0"
PATHS = [*ADMINS, "/metrics/inventory", "/metrics/staff-dashboard", TICKETS, IN_PATH]
STAFF: dict[str, Any] = {"role": "staff"}
READERS = {
    "/metrics/inventory": ["manage_inventory"],
    "/metrics/staff-dashboard": ["view_customers"],
}


@pytest.fixture(scope="module", autouse=True)
def filled(fill: Callable[[Dataset], None]) -> None:
    fill(DATA)


def _error(response: httpx.Response, status: int, code: str) -> str:
    """Asserts an error's status, body and code; the text of `detail`."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert list(body) == ["detail", "errors"]
    assert {each["extensions"]["code"] for each in body["errors"]} == {code}
    assert body["detail"] == " ".join(each["message"] for each in body["errors"])
    return str(body["detail"])


# ---------------------------------------------------------------- who


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_needs_a_token(http: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer x"}):
        response = await http.get(path, headers=headers)
        assert "token" in _error(response, 401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["admin", "organizer", "staff", "customer"])
@pytest.mark.parametrize("permissions", [[], ["view_customers"], ["manage_inventory"]])
async def test_a_path_answers_its_readers_only(
    get: Get, path: str, role: str, permissions: list[str]
) -> None:
    response = await get(path, role=role, permissions=permissions, organizer_id="org-1")
    may = (
        role == "admin"
        or (role == "organizer" and path in (TICKETS, IN_PATH))
        or (role == "staff" and READERS.get(path) == permissions)
    )
    if may:
        assert response.status_code == 200
    else:
        _error(response, 403, "FORBIDDEN")
        assert "Mine" not in response.text


# ---------------------------------------------------------------- paths and methods


@pytest.mark.parametrize("path", PATHS)
async def test_a_final_slash_makes_no_difference(get: Get, path: str) -> None:
    bare, _, query = path.partition("?")
    bare = bare.rstrip("/")
    one, other = await get(f"{bare}?{query}"), await get(f"{bare}/?{query}")
    assert one.status_code == other.status_code == 200
    assert one.content == other.content


@pytest.mark.parametrize("path", PATHS)
async def test_head_answers_without_a_body(get: Get, path: str) -> None:
    whole, head = await get(path), await get(path, method="HEAD")
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "content-type", "etag", "cache-control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_before_the_token(
    http: httpx.AsyncClient, path: str, method: str
) -> None:
    response = await http.request(method, path)
    _error(response, 405, "METHOD_NOT_ALLOWED")
    assert {*response.headers["allow"].split(", ")} == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    [
        f"{EVENTS_DASHBOARD}/nothing",
        f"{EVENTS_DASHBOARD}",
        f"{EVENTS_DASHBOARD}/events/{EVENT}/more",
        "/api/analytics",
        "/metrics/nothing",
        f"{REPORT}/{EVENT}/tickets/more",
        "/organizer/report",
    ],
)
async def test_an_unknown_path_needs_no_token(http: httpx.AsyncClient, path: str) -> None:
    _error(await http.get(path), 404, "NOT_FOUND")


async def test_the_metrics_of_prometheus_stand_beside(http: httpx.AsyncClient) -> None:
    response = await http.get("/metrics")
    assert response.status_code == 200
    assert "# TYPE headcount_" in response.text


# ---------------------------------------------------------------- parameters

_EVENTS = f"{EVENTS_DASHBOARD}/events"


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        (f"{_EVENTS}?page=-1", ["page"]),
        (f"{_EVENTS}?page=1.0", ["page"]),
        (f"{_EVENTS}?page=%2B1", ["page"]),
        (f"{_EVENTS}?page=1e2", ["page"]),
        (f"{_EVENTS}?page=%D9%A3", ["page"]),
        (f"{_EVENTS}?page=2147483648", ["page"]),
        (f"{_EVENTS}?page={'9' * 5000}", ["page"]),
        (f"{_EVENTS}?limit=0", ["limit"]),
        (f"{_EVENTS}?limit=501", ["limit"]),
        (f"{_EVENTS}?limit=2&limit=3", ["limit"]),
        (f"{_EVENTS}?event_type=a&event_type=a", ["event_type"]),
        (f"{_EVENTS}?active_only=2", ["active_only"]),
        (f"{_EVENTS}?active_only=maybe&limit=x&page=x", ["page", "limit", "active_only"]),
        (f"{DASHBOARD_STATS}?mode=distinct", ["mode"]),
        ("/metrics/inventory?active_only=y", ["active_only"]),
        (f"{REPORT}/tickets", ["eventId", "mobileAppId", "limit", "offset"]),
        (f"{TICKETS}&eventId={EVENT}", ["eventId"]),
        (f"{REPORT}/tickets?eventId=x&mobileAppId=a&limit=1&offset=0", ["eventId"]),
        (f"{REPORT}/{EVENT}/tickets", ["mobileAppId", "limit", "offset"]),
        (f"{TICKETS}&lastUpdatedSince=yesterday", ["lastUpdatedSince"]),
        (f"{TICKETS}&lastUpdatedBefore=177000000000", ["lastUpdatedBefore"]),
    ],
)
async def test_bad_parameters_are_named_all_at_once(
    get: Get, path: str, parameters: list[str]
) -> None:
    response = await get(path)
    detail = _error(response, 422, "BAD_USER_INPUT")
    errors = response.json()["errors"]
    assert [each["extensions"]["argument"] for each in errors] == parameters
    assert all(f"'{name}'" in detail for name in parameters)
    assert len(response.content) < 4_000


@pytest.mark.parametrize(
    "end",
    [
        "?utm_source=mail",
        "?page=&limit=&event_type=&active_only=",
        "?page=0&limit=20&active_only=false",
        "?active_only=No&page=00",
        "?active_only=OFF",
    ],
)
async def test_empty_and_unknown_parameters_change_nothing(get: Get, end: str) -> None:
    assert (await get(_EVENTS + end)).content == (await get(_EVENTS)).content


@pytest.mark.parametrize("flag", ["1", "true", "yes", "on", "TRUE", "Yes"])
async def test_a_flag_has_several_spellings(get: Get, flag: str) -> None:
    assert (await get(f"{_EVENTS}?active_only={flag}")).json()["total"] == 0


@pytest.mark.parametrize(
    ("mode", "answered"), [("TOTAL", "total"), ("Unique", "unique"), ("", "total")]
)
async def test_the_mode_is_answered_in_lower_case(get: Get, mode: str, answered: str) -> None:
    assert (await get(f"{DASHBOARD_STATS}?mode={mode}")).json()["mode"] == answered


@pytest.mark.parametrize(
    ("since", "total"),
    [
        ("2026-05-04T12:00:00.123Z", 1),
        ("2026-05-04T12:00:00.124Z", 0),
        ("2026-05-04T14:00:00.123%2B02:00", 1),
        ("2026-05-04T14:00:00.123+02:00", 1),
        ("2026-05-04T14:00:00.124+02:00", 0),
        ("2026-05-04T12:00:00.123", 1),
        ("2026-05-04 12:00:00.124", 0),
        ("2026-05-04", 1),
        ("2026-05-05", 0),
        ("1777896000123", 1),
        ("1777896000124", 0),
    ],
)
async def test_a_time_is_iso_8601_or_milliseconds(get: Get, since: str, total: int) -> None:
    assert (await get(f"{TICKETS}&lastUpdatedSince={since}")).json()["total"] == total


@pytest.mark.parametrize("event", ["x", str(EVENT)[:-1], oid(0xE09)])
async def test_an_event_that_is_not_there_is_not_found(get: Get, event: object) -> None:
    _error(await get(f"{EVENTS_DASHBOARD}/events/{event}"), 404, "NOT_FOUND")


async def test_reports_of_hidden_events_are_answered_as_those_of_none(get: Get) -> None:
    """Unknown, another organizer's, and another application's."""
    bodies = set()
    for event, app in ((oid(0xE09), "app-1"), (OTHER, "app-1"), (EVENT, "app-2")):
        end = f"mobileAppId={app}&limit=1&offset=0"
        for path in (f"{REPORT}/tickets?eventId={event}&{end}", f"{REPORT}/{event}/tickets?{end}"):
            response = await get(path, role="organizer", organizer_id="org-1")
            _error(response, 404, "NOT_FOUND")
            bodies.add(response.text)
    assert len(bodies) == 1


async def test_rights_are_checked_before_parameters(get: Get) -> None:
    _error(await get(f"{_EVENTS}?limit=x", role="staff"), 403, "FORBIDDEN")
    _error(await get(f"{_EVENTS}/x", role="staff"), 403, "FORBIDDEN")


# ---------------------------------------------------------------- caching


async def test_an_answer_that_the_client_has_is_not_sent_again(get: Get) -> None:
    first = await get(_EVENTS)
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    for asked in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await get(_EVENTS, headers={"if-none-match": asked})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
    assert (await get(_EVENTS, headers={"if-none-match": '"x"'})).status_code == 200


async def test_a_tag_depends_on_the_answer_and_its_reader(get: Get) -> None:
    tags = {
        (await get(path, **claims)).headers["etag"]
        for path, claims in (
            ("/metrics/inventory", {"role": "admin"}),
            ("/metrics/inventory", {"role": "staff", "permissions": ["manage_inventory"]}),
            (_EVENTS, {"role": "admin"}),
            (f"{_EVENTS}?limit=1", {"role": "admin"}),
        )
    }
    assert len(tags) == 4


async def test_a_tag_opens_nothing(get: Get, http: httpx.AsyncClient) -> None:
    tag = {"if-none-match": (await get(_EVENTS)).headers["etag"]}
    assert (await get(_EVENTS, headers=tag, role="staff")).status_code == 403
    assert (await http.get(_EVENTS, headers=tag)).status_code == 401


# ---------------------------------------------------------------- log


async def test_a_request_has_one_line_in_the_log_as_an_operation_has(
    get: Get, http: httpx.AsyncClient
) -> None:
    with capture_logs() as lines:
        await get(f"{EVENTS_DASHBOARD}/orders")
        await post(http, "{ orderStats { totalOrders } }", token(role="admin"))
    rest, graphql = (line for line in lines if line["event"] == "request")
    assert rest.keys() == graphql.keys()
    assert rest["operation"] == "OrderStats"
    assert rest["fields"] == ["orderStats"]
    assert rest["aggregations"] == graphql["aggregations"] == 1
    assert rest["cost"] > 10
    assert json.dumps(rest["hash"])


async def test_the_owners_of_a_report_are_in_the_audit(get: Get) -> None:
    with capture_logs() as lines:
        await get(TICKETS)
    (audit,) = (line for line in lines if line["event"] == "owners of tickets were read")
    assert (audit["events"], audit["rows"]) == ([str(EVENT)], 1)


@pytest.mark.parametrize("accepted", ["gzip", "identity", "gzip;q=0", "br"])
@pytest.mark.parametrize("path", [DASHBOARD_STATS, f"{EVENTS_DASHBOARD}/overview"])
async def test_each_encoding_has_a_tag_of_its_own(get: Get, path: str, accepted: str) -> None:
    headers = {"accept-encoding": accepted}
    answer = await get(path, headers=headers)
    # The other answer is too short.
    compressed = accepted == "gzip" and path == DASHBOARD_STATS
    assert answer.headers.get("content-encoding") == ("gzip" if compressed else None)
    varies = answer.headers["vary"].lower().count("accept-encoding")
    assert varies == (path == DASHBOARD_STATS)
    tag = answer.headers["etag"]
    plain = await get(path, headers={"accept-encoding": ""})
    assert (plain.headers["etag"] != tag) == compressed
    again = await get(path, headers=headers | {"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag


# ---------------------------------------------------------------- failures


async def test_an_unforeseen_error_is_masked_and_logged(
    get: Get, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("schema.execution.prepared.PreparedOperation.execute", fail)
    response = await get(_EVENTS)
    detail = _error(response, 500, "INTERNAL_SERVER_ERROR")
    assert "secret" not in detail
    assert response.json()["errors"][0]["extensions"]["requestId"]
    logged = capsys.readouterr()
    assert "the secret cause" in logged.out + logged.err


async def test_a_request_that_takes_too_long_is_refused(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.http.operations.GRACE_SECONDS", -29.9)

    async def wait(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("schema.execution.prepared.PreparedOperation.execute", wait)
    response = await get(_EVENTS)
    assert "more than 30 s" in _error(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["retry-after"] == "5"
