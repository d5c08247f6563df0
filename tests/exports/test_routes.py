"""Routes of exports: permissions, parameters, headers, links, limits."""

import asyncio
import base64
import hashlib
import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from pymongo.asynchronous.database import AsyncDatabase
from starlette.types import Message
from structlog.testing import capture_logs

from auth.links import LinkSigner
from auth.viewer import Role, Viewer
from exports import downloads
from exports.addresses import target
from exports.downloads import Downloads
from loaders.snapshot import snapshot
from resolvers.exports import EventsDashboardExport, ExportFormat
from server.http import application as app
from server.settings import Settings
from tests.commands import PATIENCE
from tests.conftest import SECRET, Dataset, client, post, token
from tests.exports.test_events_dashboard import URL
from tests.exports.test_ticket_report_file import url
from tests.strategies import NOW, oid

EVENT, OTHER = oid(0xE01), oid(0xE02)
REPORT = url(EVENT)
DATA: Dataset = {
    "events": [
        {"_id": EVENT, "title": "Mine", "event_type": "concert", "is_active": True,
         "organizer_id": "org-1", "mobile_app_ids": ["app-1"]},
        {"_id": OTHER, "title": "Another's", "event_type": "concert", "organizer_id": "org-2",
         "mobile_app_ids": ["app-1"]},
    ],
    "tickets": [
        {"_id": oid(0xB01), "event_id": EVENT, "status": "available", "created_at": NOW},
        {"_id": oid(0xB02), "event_id": OTHER, "status": "available", "created_at": NOW},
    ],
}  # fmt: skip
ADMIN = token(role="admin")
ORGANIZER = token(role="organizer", organizer_id="org-1")


@pytest.fixture(scope="module", autouse=True)
def filled(fill: Callable[[Dataset], None]) -> None:
    fill(DATA)


def _bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


def _codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


# ---------------------------------------------------------------- permissions


@pytest.mark.parametrize("path", [URL, f"{REPORT}?mobileAppId=app-1"])
@pytest.mark.parametrize("given", [None, "", "nonsense", token(secret="x" * 32), token(exp=1)])
@pytest.mark.parametrize("where", ["header", "address"])
async def test_an_export_requires_a_valid_token(
    http: httpx.AsyncClient, path: str, given: str | None, where: str
) -> None:
    if where == "header":
        response = await http.get(path, headers={} if given is None else _bearer(given))
    else:
        response = await http.get(f"{path}{'&' if '?' in path else '?'}token={given or ''}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert _codes(response) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("path", "allowed"), [(URL, {"admin"}), (f"{REPORT}?mobileAppId=app-1", {"admin", "organizer"})]
)
@pytest.mark.parametrize("role", [each.value for each in Role])
async def test_an_export_requires_one_of_its_roles(
    http: httpx.AsyncClient, path: str, allowed: set[str], role: str
) -> None:
    permissions = ["view_customers", "manage_inventory"]
    bearer = token(role=role, organizer_id="org-1", permissions=permissions)
    response = await http.get(path, headers=_bearer(bearer))
    if role in allowed:
        assert response.status_code == 200
        assert b"PK" in response.content
    else:
        assert response.status_code == 403
        assert _codes(response) == ["FORBIDDEN"]


async def test_a_token_may_be_in_the_url_and_the_header_takes_precedence(
    http: httpx.AsyncClient,
) -> None:
    assert (await http.get(URL, params={"token": ADMIN})).status_code == 200
    response = await http.get(URL, params={"token": ADMIN}, headers=_bearer("nonsense"))
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("event_id", "parameters"),
    [
        (OTHER, {"mobileAppId": "app-1"}),
        (oid(0xE99), {"mobileAppId": "app-1"}),
        (EVENT, {"mobileAppId": "app-2"}),
    ],
)
async def test_events_out_of_scope_are_not_found(
    http: httpx.AsyncClient, event_id: object, parameters: dict[str, str]
) -> None:
    response = await http.get(url(event_id), params=parameters, headers=_bearer(ORGANIZER))
    assert response.status_code == 404
    message = (
        f"There is no event '{event_id}' of application '{parameters['mobileAppId']}' that the "
        "caller may see."
    )
    errors = [{"message": message, "extensions": {"code": "NOT_FOUND"}}]
    assert response.json() == {"detail": message, "errors": errors}


async def test_an_organizer_without_an_id_sees_no_event(http: httpx.AsyncClient) -> None:
    response = await http.get(
        REPORT, params={"mobileAppId": "app-1"}, headers=_bearer(token(role="organizer"))
    )
    assert response.status_code == 404


# ---------------------------------------------------------------- parameters and headers


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        (URL, [("format", "pdf")], {"format"}),
        (URL, [("active_only", "perhaps"), ("format", "doc")], {"active_only", "format"}),
        (URL, [("event_type", "a"), ("event_type", "b")], {"event_type"}),
        (REPORT, [], {"mobileAppId"}),
        (REPORT, [("mobileAppId", "")], {"mobileAppId"}),
        (REPORT, [("mobileAppId", "a"), ("excludeDeleted", "2")], {"excludeDeleted"}),
        (REPORT, [("mobileAppId", "a"), ("lastUpdatedSince", "today")], {"lastUpdatedSince"}),
        (
            REPORT,
            [("mobileAppId", "a"), ("lastUpdatedBefore", "20260501000000")],
            {"lastUpdatedBefore"},
        ),
    ],
)
async def test_all_invalid_parameters_are_named(
    http: httpx.AsyncClient, path: str, parameters: list[tuple[str, str]], named: set[str]
) -> None:
    response = await http.get(f"{path}?{urlencode(parameters)}", headers=_bearer(ADMIN))
    assert response.status_code == 422
    errors = response.json()["errors"]
    assert {error["extensions"]["argument"] for error in errors} == named
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert all(error["extensions"]["argument"] in error["message"] for error in errors)
    assert response.json()["detail"] == " ".join(error["message"] for error in errors)


@pytest.mark.parametrize("event_id", ["nonsense", "%24where"])
async def test_a_malformed_id_in_the_path_is_not_found(
    http: httpx.AsyncClient, event_id: str
) -> None:
    response = await http.get(f"{url(event_id)}?format=x", headers=_bearer(ADMIN))
    assert response.status_code == 404
    assert _codes(response) == ["NOT_FOUND"]


@pytest.mark.parametrize("parameter", ["activeOnly=true", "utm_source=mail", "mobileAppId=x"])
async def test_unknown_parameters_are_ignored(http: httpx.AsyncClient, parameter: str) -> None:
    response = await http.get(f"{URL}?format=json&{parameter}", headers=_bearer(ADMIN))
    assert response.status_code == 200
    assert response.json()["filters"] == {"event_type": None, "active_only": False}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{URL}?format={'x' * 50_000}", f"it is '{'x' * 100}…'."),
        (f"{URL}?active_only={'x' * 50_000}", f"it is '{'x' * 100}…'."),
        (f"{REPORT}?mobileAppId=a&lastUpdatedSince={'x' * 50_000}", f"it is '{'x' * 100}…'."),
        (f"{REPORT}?mobileAppId={'x' * 50_000}", f"application '{'x' * 100}…'"),
        (f"{url('e' * 50_000)}?mobileAppId=a", f"it is '{'e' * 100}…'."),
    ],
    ids=["choice", "flag", "time", "application", "event"],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_errors_of_parameters_are_few_and_short(
    http: httpx.AsyncClient, path: str, shown: str, accept: str
) -> None:
    headers = _bearer(ADMIN) | {"accept": accept}
    response = await http.get(path, headers=headers)
    assert response.status_code in (404, 422)
    assert len(response.content) < 8_000
    assert shown in html.unescape(response.text)
    if accept == "application/json":
        assert len(response.json()["errors"]) <= 21


async def test_empty_parameters_count_as_absent(http: httpx.AsyncClient) -> None:
    path = f"{URL}?format=json&event_type=&active_only=&token="
    response = await http.get(path, headers=_bearer(ADMIN))
    assert response.json()["filters"] == {"event_type": None, "active_only": False}


@pytest.mark.parametrize(("changes", "at_one_time"), [(0, "yes"), (2, "yes"), (3, "no")])
async def test_a_collection_that_changes_at_the_start_is_read_again(
    http: httpx.AsyncClient,
    database: AsyncDatabase[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    changes: int,
    at_one_time: str,
) -> None:
    left = changes

    async def then_changed(*given: Any, **named: Any) -> Any:
        nonlocal left
        reads = await snapshot(*given, **named)
        if left:
            left -= 1
            # A keeper that starts creates missing collections, too.
            await database["ticket_orders"].drop()
            await database.create_collection("ticket_orders")
        return reads

    monkeypatch.setattr("exports.downloads.snapshot", then_changed)
    response = await http.get(URL, headers=_bearer(ADMIN))
    assert response.status_code == 200
    assert response.headers["headcount-snapshot"] == at_one_time
    assert left == 0


@pytest.fixture(params=["tickets", "promo_codes", "users"])
async def capped(
    request: pytest.FixtureRequest, database: AsyncDatabase[dict[str, Any]]
) -> AsyncIterator[str]:
    """A collection that MongoDB does not read at a cluster time, as it is capped."""
    name = str(request.param)
    await database[name].drop()
    await database.create_collection(name, capped=True, size=1 << 20)
    if documents := DATA.get(name):
        await database[name].insert_many([dict(each) for each in documents])
    yield name
    await database[name].drop()
    if documents:
        await database[name].insert_many([dict(each) for each in documents])


@pytest.mark.parametrize("path", [f"{URL}?format=json", f"{REPORT}?format=json&mobileAppId=app-1"])
async def test_a_collection_without_snapshots_is_exported_and_the_header_says_so(
    http: httpx.AsyncClient, capped: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await http.get(path, headers=_bearer(ADMIN))
    assert response.status_code == 200
    assert response.headers["headcount-snapshot"] == "no"
    assert str(oid(0xB01)) in response.text
    assert "an export is not of one snapshot" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_an_export_allows_only_get(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, URL, headers=_bearer(ADMIN))).status_code == 405


@pytest.mark.parametrize(
    ("path", "format", "media_type", "name"),
    [
        (URL, "", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
         r"events_dashboard_\d{8}_\d{4}.xlsx"),
        (URL, "csv", "application/zip", r"events_dashboard_\d{8}_\d{4}.zip"),
        (URL, "json", "application/json; charset=utf-8", r"events_dashboard_\d{8}_\d{4}.json"),
        (REPORT, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
         r"ticket_report_\d{8}_\d{4}.xlsx"),
        (REPORT, "csv", "text/csv; charset=utf-8", r"ticket_report_\d{8}_\d{4}.csv"),
        (REPORT, "json", "application/json; charset=utf-8", r"ticket_report_\d{8}_\d{4}.json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_headers_describe_the_file_and_forbid_caching(
    http: httpx.AsyncClient, path: str, format: str, media_type: str, name: str, method: str
) -> None:
    parameters = {"format": format} | ({"mobileAppId": "app-1"} if path == REPORT else {})
    response = await http.request(method, path, params=parameters, headers=_bearer(ADMIN))
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    disposition = response.headers["content-disposition"]
    assert re.fullmatch(f'attachment; filename="{name}"', disposition)
    _assert_private(response)
    assert bool(response.content) == (method == "GET")


@pytest.mark.parametrize("path", [URL, f"{REPORT}?mobileAppId=app-1"])
async def test_a_large_request_body_is_rejected(http: httpx.AsyncClient, path: str) -> None:
    body = b"x" * 1_000_001
    response = await http.request("GET", path, content=body, headers=_bearer(ADMIN))
    assert response.status_code == 413
    assert _codes(response) == ["BAD_USER_INPUT"]


async def test_a_file_is_sent_in_pieces_that_a_slow_client_can_take(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    fill: Callable[[Dataset], None],
) -> None:
    ticket = {**DATA["tickets"][0], "wallet": {"metadata": {"long": "x" * 300_000}}}
    fill({**DATA, "tickets": [ticket]})
    sizes = list[int]()
    messages = iter([{"type": "http.request"}])

    async def send(message: Message) -> None:
        sizes.append(len(message.get("body", b"")))

    async def receive() -> Message:
        if message := next(messages, None):
            return message
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": REPORT,
        "query_string": b"format=csv&mobileAppId=app-1",
        "headers": [(b"host", b"x"), (b"authorization", f"Bearer {ADMIN}".encode())],
    }  # fmt: skip
    await app.create(server_settings, database)(scope, receive, send)
    fill(DATA)
    assert sum(sizes) > 300_000
    assert max(sizes) <= 65_536


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", URL, 401),
        ("POST", URL, 405),
        ("GET", f"{URL}/?token=x", 401),
        ("GET", f"{URL}/s", 404),
        ("POST", "/graphql", 401),
    ],
)
async def test_all_responses_forbid_caching(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await http.request(method, path)
    assert response.status_code == status
    _assert_private(response)


def _assert_private(response: httpx.Response) -> None:
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_file_name_has_the_time_of_the_exports_zone(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> None:
    settings = server_settings.model_copy(update={"export_timezone": "Pacific/Kiritimati"})
    before = datetime.now(UTC) + timedelta(hours=14)
    async with client(app.create(settings, database)) as http:
        response = await http.get(URL, headers=_bearer(ADMIN))
    after = datetime.now(UTC) + timedelta(hours=14)
    assert response.headers["content-disposition"].split("dashboard_")[1][:13] in {
        f"{time:%Y%m%d_%H%M}" for time in (before, after)
    }


# ---------------------------------------------------------------- links

LINK = (
    "query ($report: ExportReport!, $format: ExportFormat!, $id: ID, $app: String,"
    " $active: Boolean!) { exportLink(report: $report, format: $format, eventId: $id,"
    " mobileAppId: $app, activeOnly: $active) { url filename expiresAt } }"
)


async def _link(
    http: httpx.AsyncClient, bearer: str = ADMIN, report: str = "EVENTS_DASHBOARD", **given: Any
) -> dict[str, Any]:
    variables = {"report": report, "format": "JSON", "active": False} | given
    response = await post(http, LINK, bearer, **variables)
    body = response.json()
    assert "errors" not in body, body
    found: dict[str, Any] = body["data"]["exportLink"]
    return found


async def test_a_link_needs_no_other_token(http: httpx.AsyncClient) -> None:
    made = await _link(http, active=True)
    assert made["url"].startswith("http://headcount.test/api/v1/admin/")
    left = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
    assert timedelta(seconds=290) < left <= timedelta(minutes=5)
    response = await http.get(made["url"])
    assert response.status_code == 200
    assert response.json()["filters"] == {"event_type": None, "active_only": True}
    assert f'filename="{made["filename"]}"' in response.headers["content-disposition"]


async def test_a_link_has_the_scope_of_its_viewer(http: httpx.AsyncClient) -> None:
    mine = await _link(http, ORGANIZER, "TICKET_REPORT", id=str(EVENT), app="app-1")
    response = await http.get(mine["url"])
    assert [row["ticketId"] for row in response.json()["result"]] == [str(oid(0xB01))]
    another = await _link(http, ORGANIZER, "TICKET_REPORT", id=str(OTHER), app="app-1")
    assert (await http.get(another["url"])).status_code == 404


async def test_links_work_where_bearer_tokens_in_a_url_are_rejected(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings
) -> None:
    settings = server_settings.model_copy(update={"export_query_token": "signed"})
    async with client(app.create(settings, database)) as http:
        assert (await http.get((await _link(http))["url"])).status_code == 200
        response = await http.get(URL, params={"token": ADMIN})
        assert response.status_code == 401
        assert "exportLink" in response.text
        assert (await http.get(URL, headers=_bearer(ADMIN))).status_code == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("active_only=true", "active_only=false"),
        ("active_only=true&", ""),
        ("format=json", "format=csv"),
        ("format=json", "format=json&event_type=concert"),
        (URL, f"{REPORT}"),
    ],
)
async def test_a_link_is_valid_for_one_export(http: httpx.AsyncClient, old: str, new: str) -> None:
    made = (await _link(http, active=True))["url"]
    assert (await http.get(made)).status_code == 200
    rest = "&mobileAppId=app-1" if new == REPORT else ""
    response = await http.get(made.replace(old, new) + rest)
    assert response.status_code == 401
    assert _codes(response) == ["UNAUTHENTICATED"]


async def test_the_first_bearer_token_in_a_url_is_logged(http: httpx.AsyncClient) -> None:
    downloads._warn_of_bearer_token.cache_clear()
    with capture_logs() as log:
        await http.get((await _link(http))["url"])
        await http.get(URL, params={"token": "forged"})
        await http.get(URL, headers=_bearer(ADMIN))
        assert not [entry for entry in log if entry["log_level"] == "warning"]
        for _ in range(2):
            assert (await http.get(URL, params={"token": ADMIN})).status_code == 200
    (warning,) = [entry for entry in log if entry["log_level"] == "warning"]
    assert "HEADCOUNT_EXPORT_QUERY_TOKEN=signed" in warning["event"]
    assert ADMIN not in str(warning)


_BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_browser_shows_a_page_for_an_expired_link(http: httpx.AsyncClient) -> None:
    address = target(EventsDashboardExport(), ExportFormat.JSON)
    issued = datetime.now(UTC) - timedelta(hours=1)
    expired, _ = LinkSigner(SECRET).sign(Viewer(Role.ADMIN), address, issued)
    response = await http.get(f"{address}&token={expired}", headers=_BROWSER)
    assert response.status_code == 401
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["www-authenticate"] == "Bearer"
    assert "The link has expired: request a new one." in response.text
    assert expired not in response.text
    assert "<script" not in response.text
    policy = dict(
        rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; ")
    )
    (style,) = re.findall("<style>(.*?)</style>", response.text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


async def test_a_page_for_a_wrong_parameter_is_escaped(http: httpx.AsyncClient) -> None:
    parameters = {"format": "<b>", "<i>": "1"}
    response = await http.get(URL, params=parameters, headers=_BROWSER | _bearer(ADMIN))
    assert response.status_code == 422
    assert "&lt;b&gt;" in response.text
    assert not re.search("<[bi]>", response.text)


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_other_clients_get_json(http: httpx.AsyncClient, accept: str) -> None:
    response = await http.get(URL, headers={"accept": accept})
    assert _codes(response) == ["UNAUTHENTICATED"]


async def test_a_link_token_is_no_bearer_token(http: httpx.AsyncClient) -> None:
    made = (await _link(http))["url"]
    (secret,) = parse_qs(urlsplit(made).query)["token"]
    assert (await post(http, "{ viewer { role } }", secret)).status_code == 401
    assert (await http.get(URL, headers=_bearer(secret))).status_code == 401


@pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(days=1)])
async def test_a_link_expires_after_five_minutes(http: httpx.AsyncClient, age: timedelta) -> None:
    address = target(EventsDashboardExport(), ExportFormat.JSON)
    viewer, now = Viewer(Role.ADMIN), datetime.now(UTC)
    # The clock of the server that signs may be ahead.
    for signed_at in (now - timedelta(minutes=4), now + timedelta(seconds=20)):
        fresh, _ = LinkSigner(SECRET).sign(viewer, address, signed_at)
        assert (await http.get(f"{address}&token={fresh}")).status_code == 200
    old, _ = LinkSigner(SECRET).sign(viewer, address, now - age)
    response = await http.get(f"{address}&token={old}")
    assert response.status_code == 401
    assert "expired" in response.text


async def test_a_forged_link_is_rejected(http: httpx.AsyncClient) -> None:
    address = target(EventsDashboardExport(), ExportFormat.JSON)
    genuine, _ = LinkSigner(SECRET).sign(Viewer(Role.ADMIN), address, datetime.now(UTC))
    claims = jwt.decode(genuine, options={"verify_signature": False})
    headers = {"typ": "headcount-link+jwt"}
    for made in (
        jwt.encode(claims, SECRET, "HS256", headers=headers),
        jwt.encode(claims, "", "none", headers=headers),
        genuine[:-4] + ("AAAA" if not genuine.endswith("AAAA") else "BBBB"),
    ):
        response = await http.get(f"{address}&token={made}")
        assert response.status_code == 401


@pytest.mark.parametrize(
    ("bearer", "given", "code"),
    [
        (ORGANIZER, {"report": "EVENTS_DASHBOARD"}, "FORBIDDEN"),
        (token(role="staff"), {"report": "EVENTS_DASHBOARD"}, "FORBIDDEN"),
        (ADMIN, {"report": "TICKET_REPORT"}, "BAD_USER_INPUT"),
        (ADMIN, {"report": "TICKET_REPORT", "id": str(EVENT)}, "BAD_USER_INPUT"),
        (ADMIN, {"report": "TICKET_REPORT", "app": "app-1"}, "BAD_USER_INPUT"),
        (ADMIN, {"report": "TICKET_REPORT", "id": "x", "app": "a"}, "BAD_USER_INPUT"),
        (ADMIN, {"report": "EVENTS_DASHBOARD", "id": str(EVENT)}, "BAD_USER_INPUT"),
        (
            ADMIN,
            {"report": "TICKET_REPORT", "id": str(EVENT), "app": "a", "active": True},
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_a_link_to_a_denied_or_invalid_export_is_an_error(
    http: httpx.AsyncClient, bearer: str, given: dict[str, Any], code: str
) -> None:
    response = await post(http, LINK, bearer, **({"format": "XLSX", "active": False} | given))
    assert response.json()["data"] == {"exportLink": None}
    assert _codes(response) == [code]


async def test_tokens_in_urls_are_not_logged(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    made = (await _link(http))["url"]
    await http.get(made)
    await http.get(URL, params={"token": ADMIN, "format": "nonsense"})
    logged = capsys.readouterr()
    (secret,) = parse_qs(urlsplit(made).query)["token"]
    assert URL in logged.out + logged.err
    assert secret not in logged.out + logged.err
    assert ADMIN not in logged.out + logged.err


# ---------------------------------------------------------------- limits


async def test_an_export_beyond_the_limit_waits_and_is_then_rejected(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exports.slots.WAIT_SECONDS", 0.3)
    open_download, opened, close = Downloads.open, asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def open_until_closed(self: Downloads, request: Any) -> AsyncIterator[Any]:
        async with open_download(self, request) as report:
            opened.set()
            await close.wait()
            yield report

    monkeypatch.setattr(Downloads, "open", open_until_closed)
    settings = server_settings.model_copy(update={"max_exports": 1})
    async with client(app.create(settings, database)) as http:
        first = asyncio.create_task(http.get(URL, headers=_bearer(ADMIN)))
        await opened.wait()
        refused = await http.get(URL, headers=_bearer(ADMIN))
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "5"
        assert _codes(refused) == ["TOO_MANY_REQUESTS"]
        # The slot may be late on a busy machine.
        monkeypatch.setattr("exports.slots.WAIT_SECONDS", PATIENCE)
        waiting = asyncio.create_task(http.get(URL, headers=_bearer(ADMIN)))
        await asyncio.sleep(0.05)
        close.set()
        assert (await first).status_code == 200
        assert (await waiting).status_code == 200


async def test_a_token_is_verified_before_a_body_is_read(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    async with asyncio.timeout(10):
        response = await http.request("GET", URL, content=endless())
    assert response.status_code == 401


async def test_a_stalled_client_loses_its_slot(
    database: AsyncDatabase[dict[str, Any]],
    server_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("exports.routes._STALLED_SECONDS", 0.1)
    application = app.create(server_settings.model_copy(update={"max_exports": 1}), database)
    received: list[Message] = []

    async def send(message: Message) -> None:
        received.append(message)
        if len(received) == 2:
            await asyncio.sleep(60)

    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not requests:
            await asyncio.sleep(60)
        return requests.pop()

    scope = {
        "type": "http", "method": "GET", "path": URL, "raw_path": URL.encode(), "root_path": "",
        "query_string": b"format=json", "http_version": "1.1", "scheme": "http",
        "headers": [(b"host", b"x"), (b"authorization", f"Bearer {ADMIN}".encode())],
        "server": ("localhost", 80),
    }  # fmt: skip
    async with asyncio.timeout(10):
        await application(scope, receive, send)
    # The last message, which ends the body, is missing.
    assert [message["type"] for message in received] == [
        "http.response.start", "http.response.body",
    ]  # fmt: skip
    assert received[1]["more_body"]
    logged = capsys.readouterr()
    assert "The client received less than" in logged.out + logged.err
    async with client(application) as http:
        assert (await http.get(URL, headers=_bearer(ADMIN))).status_code == 200
