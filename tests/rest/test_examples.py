"""The reference's examples: prepared documents give the example's values, keys and types."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from bson import ObjectId

import schema
from rest.operation import STORED, stored_operations
from schema.execution.turns import Turns
from tests.conftest import Dataset
from tests.rest.conftest import Get
from tests.rest.reference import DASHBOARD_STATS, EVENTS_DASHBOARD, REPORT
from tests.strategies import NOW, oid

Fill = Callable[[Dataset], None]

EXAMPLES = {one.name: one.example for one in stored_operations(schema.build(), Turns(), STORED)}
_IDS: Iterator[int] = count(1)
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_EVENT = ObjectId("665a1b2c3d4e5f6a7b8c9d0e")


def _some(number: int, **fields: Any) -> list[dict[str, Any]]:
    """So many documents with the same fields."""
    return [{"_id": oid(next(_IDS)), **fields} for _ in range(number)]


def _orders(number: int, cents: int, **fields: Any) -> list[dict[str, Any]]:
    given = {"payment_status": "CONFIRMED", "ticket_count": 1, **fields}
    return _some(number, amount_cents=cents, **given)


OVERVIEW: Dataset = {
    "events": [
        *_some(3, event_type="movie_premiere", is_active=True, event_date=NOW + timedelta(days=1)),
        *_some(2, event_type="movie_premiere", is_active=True, event_date=NOW),
        *_some(3, event_type="movie_premiere", event_date=_LONG_AGO),
        *_some(4, event_type="concert", event_date=_LONG_AGO),
    ],
    "tickets": [*_some(210, ticket_order_id=oid(1)), *_some(137, promo_code_id=oid(2))],
    "ticket_orders": [
        *_orders(97, 10_000),
        *_orders(1, 80_000),
        *_orders(5, 99_900, payment_status="PENDING"),
    ],
}
EVENTS: Dataset = {
    "events": [
        {
            "_id": _EVENT,
            "title": "Pre-Estreia: O Retorno",
            "event_type": "movie_premiere",
            "event_date": datetime(2026, 4, 15, 19, tzinfo=UTC),
            "location": "Cinema Central - Sala 3",
            "capacity": 200,
        },
        *_some(11, event_date=_LONG_AGO),
    ],
    "tickets": [
        *_some(100, event_id=_EVENT, ticket_order_id=oid(1), status="available"),
        *_some(10, event_id=_EVENT, ticket_order_id=oid(1), status="consumed"),
        *_some(30, event_id=_EVENT, promo_code_id=oid(1), status="consumed"),
        *_some(7, event_id=_EVENT, promo_code_id=oid(1), status="expired"),
    ],
    "ticket_orders": _orders(55, 10_000, event_id=_EVENT),
}
_VIP, *_CODES = _some(20, code_type="ticket", is_active=True)
PROMO_CODES: Dataset = {
    "promo_codes": [
        _VIP | {"code": "449GQW", "title": "Goiania VIP"},
        *_CODES[:14],
        *(code | {"is_active": False} for code in _CODES[14:]),
        *_some(3, code_type="promo", is_active=True),
        *_some(2, code_type="promo"),
    ],
    "tickets": [
        *_some(45, promo_code_id=_VIP["_id"]),
        *(ticket for code in _CODES[:4] for ticket in _some(36, promo_code_id=code["_id"])),
        *_some(1, promo_code_id=_CODES[4]["_id"]),
        *_some(20, promo_code_id=oid(0xDEAD)),
    ],
}
_CARD, _PIX = {"payment_method": "credit_card"}, {"payment_method": "pix"}
_ASAAS, _STRIPE = {"gateway": "asaas"}, {"gateway": "stripe"}
ORDERS: Dataset = {
    "ticket_orders": [
        *_orders(78, 10_000, ticket_count=2, **_CARD, **_ASAAS),
        *_orders(32, 10_000, **_PIX, **_STRIPE),
        *_orders(11, 10_000, payment_status="RECEIVED", **_CARD, **_ASAAS),
        *_orders(9, 10_000, payment_status="RECEIVED", **_PIX, **_ASAAS),
        *_orders(8, 10_000, payment_status="PENDING", **_PIX, **_STRIPE),
        *_orders(17, 10_000, payment_status="succeeded", **_PIX, **_STRIPE),
        *_orders(1, 185_000, payment_status="succeeded", **_PIX, **_STRIPE),
    ]
}


def _products(number: int, available: int, cents: int = 0, reserved: int = 0) -> Any:
    inventory = {"stock_quantity": available + reserved, "reserved_quantity": reserved}
    pricing = {"price_cents": cents}
    return _some(number, is_active=True, inventory=inventory, pricing=pricing)


def _users(role: str, number: int, *, active: int, email: int, phone: int) -> Any:
    return [
        {
            **user,
            "is_active": at < active,
            "email_verified": at < email,
            "phone_verified": at < phone,
        }
        for at, user in enumerate(_some(number, role=role))
    ]


METRICS: Dataset = {
    "users": [
        *_users("customer", 45, active=42, email=38, phone=12),
        *_users("staff", 8, active=7, email=7, phone=6),
        *_users("admin", 2, active=2, email=2, phone=2),
    ],
    "products": [
        *_products(5, 3),
        *_products(7, 0),
        *_products(80, 26),
        *_products(1, 84),
        *_products(1, 50, 3_368_500),
        *_products(1, 41, 75_000, reserved=180),
        *_some(15, is_active=True, pricing={"price_cents": 100}),
        *_some(10, is_active=True),
    ],
}


@pytest.mark.parametrize(
    ("path", "name", "data"),
    [
        (f"{EVENTS_DASHBOARD}/overview", "EventsOverview", OVERVIEW),
        (f"{EVENTS_DASHBOARD}/events/{_EVENT}", "Event", EVENTS),
        (f"{EVENTS_DASHBOARD}/events?limit=1", "EventStats", EVENTS),
        (f"{EVENTS_DASHBOARD}/orders", "OrderStats", ORDERS),
        ("/metrics/admin-dashboard", "AdminDashboard", METRICS),
        ("/metrics/staff-dashboard", "StaffDashboard", METRICS),
        ("/metrics/inventory", "Inventory", METRICS),
    ],
)
async def test_prepared_documents_give_the_values_of_the_example(
    fill: Fill, get: Get, path: str, name: str, data: Dataset
) -> None:
    fill(data)
    response = await get(path)
    assert repr(response.json()) == repr(EXAMPLES[name])


async def test_prepared_codes_give_the_values_of_the_example(fill: Fill, get: Get) -> None:
    """The example shows one of the top codes."""
    fill(PROMO_CODES)
    answer = (await get(f"{EVENTS_DASHBOARD}/promo-codes")).json()
    shown, *others = answer["top_codes"]
    assert [each["tickets_generated"] for each in others] == [36, 36, 36, 36, 1]
    assert repr(answer | {"top_codes": [shown]}) == repr(EXAMPLES["PromoCodeStats"])


async def test_behaviour_has_the_keys_and_types_of_the_example(fill: Fill, get: Get) -> None:
    """The example's values contradict each other."""
    session = {"session_id": "s", "user_id": "u", "created_at": NOW, "product_slug": "p"}
    types = ["product_view", "add_to_cart", "begin_checkout", "purchase", "whatsapp_cart_click"]
    fill({"analytics_events": [*(_some(1, event_type=t, price=9, **session)[0] for t in types)]})
    answer = (await get(f"{DASHBOARD_STATS}?mode=unique")).json()
    assert _shape(answer) == _shape(EXAMPLES["DashboardStats"])


async def test_a_report_has_the_keys_and_types_of_the_example(fill: Fill, get: Get) -> None:
    event = {"_id": _EVENT, "title": "A", "mobile_app_ids": ["app"]}
    fill({"events": [event], "tickets": _some(1, event_id=_EVENT, status="activated")})
    path = f"{REPORT}/tickets?eventId={_EVENT}&mobileAppId=app&limit=10&offset=0"
    answer = (await get(path)).json()
    example = EXAMPLES["TicketReport"]
    assert list(answer) == list(example)
    assert list(answer["result"][0]) == list(example["result"][0])
    for name, value in answer["result"][0].items():
        assert value is None or isinstance(value, type(example["result"][0][name]))


def _shape(value: Any) -> Any:
    """The keys, in their order, and the types of a value; of a list, those of its first item."""
    if isinstance(value, dict):
        return [(name, _shape(each)) for name, each in value.items()]
    return [_shape(value[0])] if isinstance(value, list) else type(value)


# ---------------------------------------------------------------- the requests as they stand


@pytest.mark.parametrize(
    "path",
    [
        f"{EVENTS_DASHBOARD}/overview",
        f"{EVENTS_DASHBOARD}/events?page=0&limit=20",
        f"{EVENTS_DASHBOARD}/events?page=0&limit=20&event_type=movie_premiere&active_only=true",
        f"{EVENTS_DASHBOARD}/promo-codes",
        f"{EVENTS_DASHBOARD}/orders",
        f"{EVENTS_DASHBOARD}/events/export?event_type=movie_premiere&active_only=true",
        f"{DASHBOARD_STATS}?mode=unique",
        DASHBOARD_STATS,
        "/metrics/admin-dashboard",
        "/metrics/admin-dashboard?active_only=1",
        "/metrics/staff-dashboard",
        "/metrics/inventory?active_only=0",
    ],
)
async def test_the_requests_of_the_reference_are_answered(fill: Fill, get: Get, path: str) -> None:
    fill(METRICS)
    response: httpx.Response = await get(path)
    assert response.status_code == 200
