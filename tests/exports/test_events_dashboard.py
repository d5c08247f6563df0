"""The events dashboard's files equal brute force and the API, in every format."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import httpx
import pytest
from bson import ObjectId
from hypothesis import Phase, given, settings
from pymongo.asynchronous.database import AsyncDatabase

from server.http import application as app
from server.settings import Settings
from tests import oracle_exports
from tests.conftest import Dataset, client, token
from tests.exports import read_back
from tests.profiles import PROFILE
from tests.strategies import NOW, datasets, nasty, oid

URL = "/api/v1/admin/events-dashboard/events/export"
EVENTS = [
    "ID", "Title", "Type", "Date", "Location", "Capacity", "Tickets Issued", "Available",
    "Consumed", "Expired", "Tickets Sold", "Tickets Promo", "Revenue (R$)", "Orders (paid)",
    "Occupancy %", "Active", "Box Office",
]  # fmt: skip
TICKETS = [
    "Ticket ID", "Event", "Event Date", "Customer ID", "Status", "Promo Code", "Order ID",
    "Created At", "Consumed At",
]  # fmt: skip

Fill = Callable[[Dataset], None]


async def download(http: httpx.AsyncClient, format: str, **parameters: str) -> bytes:
    """The file that an admin downloads."""
    response = await http.get(
        URL,
        params={"format": format, **parameters},
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    assert response.status_code == 200, response.text
    return response.content


def _event_cells(event: dict[str, Any], show_time: Callable[[Any], Any]) -> list[Any]:
    status = event["ticket_status"]
    return [
        event["event_id"], event["title"], event["event_type"], show_time(event["event_date"]),
        event["location"], event["capacity"], event["tickets_issued"], status["available"],
        status["consumed"], status["expired"], event["tickets_sold"], event["tickets_promo"],
        event["revenue"], event["orders_count"], event["occupancy_pct"],
        "Yes" if event["is_active"] else "No", "Yes" if event["is_sale_box_office"] else "No",
    ]  # fmt: skip


def _ticket_cells(
    event: dict[str, Any], ticket: dict[str, Any], show_time: Callable[[Any], Any]
) -> list[Any]:
    return [
        ticket["ticket_id"], event["title"], show_time(event["event_date"]), ticket["customer_id"],
        ticket["status"], ticket["promo_code"], ticket["order_id"], show_time(ticket["created_at"]),
        show_time(ticket["consumed_at"]),
    ]  # fmt: skip


def _sheets(
    events: list[dict[str, Any]], show_time: Callable[[Any], Any]
) -> tuple[list[list[Any]], list[list[Any]]]:
    return (
        [_event_cells(event, show_time) for event in events],
        [_ticket_cells(event, t, show_time) for event in events for t in event["tickets"]],
    )


def _cell(zone: ZoneInfo) -> Callable[[Any], Any]:
    """Formats a time as cells do: a date, or a text if spreadsheets have no such date."""

    def shown(text: str | None) -> Any:
        if text is None:
            return None
        local = _local(text, zone)
        early = datetime.fromisoformat(text) < datetime(1900, 3, 2, tzinfo=UTC)
        return _minutes(local) if early else local

    return shown


def _local(text: str, zone: ZoneInfo) -> datetime:
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        # datetime has no earlier or later hours.
        return time.replace(tzinfo=None)


def _minutes(local: datetime) -> str:
    return f"{local.day:02}/{local.month:02}/{local.year:04} {local.hour:02}:{local.minute:02}"


def _text(zone: ZoneInfo) -> Callable[[Any], str]:
    def shown(text: str | None) -> str:
        if text is None:
            return ""
        return _minutes(_local(text, zone))

    return shown


def cell_text(text: str) -> str:
    """The text as a cell has it: without illegal characters, cut to 32,767 UTF-16 code units."""
    legal = [c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")]
    units = 0
    for number, character in enumerate(legal):
        units += 1 + (character > "\uffff")
        if units > 32_767:
            return "".join(legal[:number])
    return "".join(legal)


def _near(found: Any, expected: Any) -> bool:
    """Whether a cell has the expected value; dates may differ by a millisecond, as in Excel."""
    if isinstance(expected, datetime):
        return isinstance(found, datetime) and abs(found - expected) < timedelta(milliseconds=2)
    if expected is ANY:
        return isinstance(found, str)
    if isinstance(expected, str):
        expected = cell_text(expected)
    if expected is None or expected == "":
        return found is None
    return bool(found == expected) and isinstance(found, str) == isinstance(expected, str)


def _same(found: list[list[Any]], expected: list[list[Any]]) -> None:
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        for one, other in zip(row, wanted, strict=True):
            assert _near(one, other), (row, wanted)


def _csv_row(row: list[Any]) -> list[str]:
    """Formulas are escaped; numbers have the places that money and percentages have."""
    return [
        value
        if value is ANY
        else escaped(value or "")
        if value is None or isinstance(value, str)
        else f"{value:.2f}"
        if "R$" in EVENTS[place]
        else str(value)
        for place, value in enumerate(row)
    ]


def escaped(text: str) -> str:
    """The text as CSV has it: a formula is escaped."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


async def compare(
    http: httpx.AsyncClient, data: Dataset, zone: ZoneInfo, **filters: Any
) -> list[dict[str, Any]]:
    """Compares the files of all formats with brute force; returns the events."""
    expected = oracle_exports.events(data, **filters)
    parameters = {
        name: "true" if value is True else str(value)
        for name, value in filters.items()
        if value not in (None, False)
    }
    found = read_back.json_object(await download(http, "json", **parameters))
    assert [*found] == ["generated_at", "filters", "events"]
    assert found["filters"] == {"event_type": None, "active_only": False} | filters
    for event, wanted in zip(found["events"], expected, strict=True):
        assert event["tickets"] == wanted["tickets"]
        assert event == wanted

    file = await download(http, "xlsx", **parameters)
    sheets = read_back.xlsx(file)
    assert [*sheets] == ["Events", "Tickets"]
    events, tickets = _sheets(expected, _cell(zone))
    assert sheets["Events"][0] == EVENTS
    assert sheets["Tickets"][0] == TICKETS
    _same(sheets["Events"][1:], events)
    _same(sheets["Tickets"][1:], tickets)
    assert not [*read_back.formulas(file)]

    files = read_back.csv_zip(await download(http, "csv", **parameters))
    assert [*files] == ["events.csv", "tickets.csv"]
    events, tickets = _sheets(expected, _text(zone))
    assert files["events.csv"] == [EVENTS, *map(_csv_row, events)]
    assert files["tickets.csv"] == [TICKETS, *map(_csv_row, tickets)]
    return expected


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo", "Asia/Kolkata"])
async def test_files_of_invalid_data_equal_brute_force(
    database: AsyncDatabase[dict[str, Any]], server_settings: Settings, fill: Fill, zone: str
) -> None:
    data = nasty()
    fill(data)
    settings = server_settings.model_copy(update={"export_timezone": zone})
    async with client(app.create(settings, database)) as http:
        events = await compare(http, data, ZoneInfo(zone))
    assert len(events) == len(data["events"])
    assert sum(len(event["tickets"]) for event in events) > 10


# Without shrinking: each example is three files, read by four readers.
@settings(max_examples=PROFILE.file_examples, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=datasets())
async def test_files_of_random_data_equal_brute_force(
    http: httpx.AsyncClient, fill: Fill, data: Dataset
) -> None:
    fill(data)
    await compare(http, data, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    "filters",
    [
        {"event_type": "concert"},
        {"event_type": "unknown"},
        {"event_type": "$event_type", "active_only": True},
        {"active_only": True},
        {"event_type": "none is of it"},
    ],
)
async def test_files_are_filtered(
    http: httpx.AsyncClient, fill: Fill, filters: dict[str, Any]
) -> None:
    data = nasty()
    fill(data)
    await compare(http, data, ZoneInfo("UTC"), **filters)


async def test_files_of_no_data_have_headers(http: httpx.AsyncClient, fill: Fill) -> None:
    fill({})
    assert await compare(http, {}, ZoneInfo("UTC")) == []


def _many(events: int, tickets: Callable[[int], int]) -> Dataset:
    """Events, the newest first, with the given numbers of tickets; ids in another order."""
    made = [
        {
            "_id": oid(0xE000 + number * 7919 % events),
            "title": f"Event {number}",
            "event_type": "concert",
            "event_date": NOW - timedelta(hours=number),
        }
        for number in range(events)
    ]
    sold: list[dict[str, Any]] = [
        {
            "_id": ObjectId(f"{(event * 31 + number) % 65536:04x}{event:08x}{number:012x}"),
            "event_id": made[event]["_id"],
            "status": "available",
            "created_at": NOW,
        }
        for event in range(events)
        for number in range(tickets(event))
    ]
    return {"events": made, "tickets": sold}


@pytest.mark.parametrize(
    ("events", "tickets"),
    [
        (3, lambda event: 2_600 if event == 1 else 3),
        (130, lambda event: event % 3),
        (12, lambda event: 400),
    ],
)
async def test_tickets_have_the_order_of_their_events(
    http: httpx.AsyncClient, fill: Fill, events: int, tickets: Callable[[int], int]
) -> None:
    data = _many(events, tickets)
    fill(data)
    await compare(http, data, ZoneInfo("UTC"))


async def test_an_event_whose_id_is_null_has_the_tickets_without_one(
    http: httpx.AsyncClient, fill: Fill
) -> None:
    without: list[dict[str, Any]] = [{}, {"event_id": None}]
    tickets = [{"_id": oid(number), **each} for number, each in enumerate(without, 1)]
    fill({"events": [{"_id": None, "title": "None"}], "tickets": tickets})
    (event,) = read_back.json_object(await download(http, "json"))["events"]
    assert event["tickets_issued"] == len(event["tickets"]) == 2
