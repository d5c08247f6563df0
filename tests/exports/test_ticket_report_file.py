"""The ticket report's files have all rows of `ticketReport`, in every format."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import structlog.testing

from tests.conftest import Dataset, post, token
from tests.exports import read_back
from tests.exports.test_events_dashboard import cell_text, escaped
from tests.operations import fields_of, named
from tests.strategies_tickets import nasty_reports

# Files have no ids.
TYPES = {n: named(each.type) for n, each in fields_of("TicketReportRow").items() if n != "id"}
APP = "app-1"
_REPORT = (
    "query ($id: ID!, $app: String!, $gone: Boolean!, $since: DateTime, $before: DateTime)"
    " { ticketReport(eventIds: [$id], mobileAppId: $app, limit: 1000, excludeDeleted: $gone,"
    " lastUpdatedSince: $since, lastUpdatedBefore: $before)"
    f" {{ result {{ {' '.join(TYPES)} }} }} }}"
)

Fill = Callable[[Dataset], None]


def url(event_id: object) -> str:
    """The URL path of an event's ticket report."""
    return f"/api/v1/organizer/report/events/{event_id}/tickets/export"


async def download(http: httpx.AsyncClient, event_id: object, **parameters: str) -> bytes:
    """The file that an admin downloads."""
    response = await http.get(
        url(event_id),
        params={"mobileAppId": APP, **parameters},
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    assert response.status_code == 200, response.text
    return response.content


async def rows(http: httpx.AsyncClient, event_id: object, **variables: Any) -> list[dict[str, Any]]:
    """The rows of an event from the API."""
    given = {"gone": False, "since": None, "before": None} | variables
    bearer = token(role="admin")
    response = await post(http, _REPORT, bearer, id=str(event_id), app=APP, **given)
    found: list[dict[str, Any]] = response.json()["data"]["ticketReport"]["result"]
    return found


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return None
    match TYPES[name]:
        case "DateTime":
            time = datetime.fromisoformat(value)
            shown = f"{time:%d/%m/}{time.year:04}{time: %H:%M}"
            return shown if time < datetime(1900, 3, 2, tzinfo=UTC) else time
        case "Date":
            day = date.fromisoformat(value)
            early = f"{day:%d/%m/}{day.year:04}"
            return early if day < date(1900, 3, 1) else datetime(*day.timetuple()[:3], tzinfo=UTC)
        case "JSON":
            return cell_text(orjson.dumps(value).decode())
        case "String" | "ID":
            return cell_text(value) or None
        case _:
            return value


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    match TYPES[name]:
        case "DateTime":
            time = datetime.fromisoformat(value)
            return f"{time:%d/%m/}{time.year:04}{time: %H:%M}"
        case "Date":
            day = date.fromisoformat(value)
            return f"{day:%d/%m/}{day.year:04}"
        case "JSON":
            return orjson.dumps(value).decode()
        case "String" | "ID":
            return escaped(value)
        case "Boolean":
            return "true" if value else "false"
        case _:
            return str(value)


@pytest.fixture(scope="module")
def spoilt(fill: Fill) -> Dataset:
    """Tickets; every ninth has invalid values in all fields."""
    data = nasty_reports()
    data = {**data, "tickets": data["tickets"][::9]}
    fill(data)
    return data


async def test_files_equal_the_api(http: httpx.AsyncClient, spoilt: Dataset) -> None:
    event_id = spoilt["events"][0]["_id"]
    answered = await rows(http, event_id)
    assert 300 < len(answered) < 1000

    found = read_back.json_object(await download(http, event_id, format="json"))
    assert [*found] == ["generated_at", "filters", "result"]
    for row, wanted in zip(found["result"], answered, strict=True):
        assert row == wanted

    header, *lines = read_back.csv_rows(await download(http, event_id, format="csv"))
    assert header == [*TYPES]
    for line, wanted in zip(lines, answered, strict=True):
        assert line == [_text(name, wanted[name]) for name in TYPES]

    (sheet,) = read_back.xlsx(await download(http, event_id, format="xlsx")).values()
    assert sheet[0] == [*TYPES]
    for cells, wanted in zip(sheet[1:], answered, strict=True):
        for name, cell in zip(TYPES, cells, strict=True):
            expected = _cell(name, wanted[name])
            if isinstance(expected, datetime):
                cell = cell.replace(tzinfo=UTC)
                assert abs(cell - expected) < timedelta(milliseconds=2)
            else:
                assert cell == expected, name


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose local time zone is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/Bogota")
        time.tzset()
        yield
    time.tzset()


async def test_files_do_not_depend_on_the_local_time_zone(
    http: httpx.AsyncClient, spoilt: Dataset, elsewhere: None
) -> None:
    event_id = spoilt["events"][0]["_id"]
    found = read_back.json_object(await download(http, event_id, format="json"))
    assert found["result"] == await rows(http, event_id)
    assert any("+00:00" in str(row["activationDetails"]) for row in found["result"])


@pytest.mark.parametrize(
    ("parameters", "variables"),
    [
        ({"excludeDeleted": "true"}, {"gone": True}),
        ({"lastUpdatedSince": "2026-05-01T00:00:00Z"}, {"since": "2026-05-01T00:00:00Z"}),
        ({"lastUpdatedBefore": "2026-05-01T00:00:00+02:00"}, {"before": "2026-04-30T22:00:00Z"}),
    ],
)
async def test_files_are_filtered(
    http: httpx.AsyncClient, spoilt: Dataset, parameters: dict[str, str], variables: dict[str, Any]
) -> None:
    event_id = spoilt["events"][0]["_id"]
    answered = await rows(http, event_id, **variables)
    found = read_back.json_object(await download(http, event_id, format="json", **parameters))
    assert found["result"] == answered
    assert found["filters"]["eventId"] == str(event_id)


async def test_an_unescaped_plus_is_accepted(http: httpx.AsyncClient, spoilt: Dataset) -> None:
    event_id = spoilt["events"][0]["_id"]
    response = await http.get(
        f"{url(event_id)}?mobileAppId={APP}&format=json&lastUpdatedSince=2026-05-01T00:00:00+00:00",
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    assert response.json()["filters"]["lastUpdatedSince"] == "2026-05-01T00:00:00+00:00"


async def test_an_event_without_tickets_has_a_header(http: httpx.AsyncClient, fill: Fill) -> None:
    event = nasty_reports()["events"][0]
    fill({"events": [event]})
    try:
        assert len(read_back.csv_rows(await download(http, event["_id"], format="csv"))) == 1
        (sheet,) = read_back.xlsx(await download(http, event["_id"])).values()
        assert len(sheet) == 1
        found = read_back.json_object(await download(http, event["_id"], format="json"))
        assert found["result"] == []
    finally:
        fill({})


async def test_each_read_of_owners_is_in_the_audit_log(
    http: httpx.AsyncClient, fill: Fill, spoilt: Dataset
) -> None:
    # Other tests fill the database, too.
    fill(spoilt)
    event = spoilt["events"][0]["_id"]
    query = (
        "query ($id: ID!, $app: String!) { ticketReport(eventIds: [$id], mobileAppId: $app,"
        " limit: 10) { total result { ticketId } } }"
    )
    with structlog.testing.capture_logs() as logged:
        found = await rows(http, event)
        await download(http, event, format="csv")
        # Without the owners' fields, nothing personal is read.
        await post(http, query, token(role="admin"), id=str(event), app=APP)
    audited = [each for each in logged if each["event"] == "owners of tickets were read"]
    assert len(found) > 300
    assert audited == 2 * [
        {
            "event": "owners of tickets were read", "log_level": "info", "subject": "caller",
            "role": "ADMIN", "events": [str(event)], "rows": len(found),
        }
    ]  # fmt: skip
