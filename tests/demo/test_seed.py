"""The demo data: reproducible, complete and plausible."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import ObjectId

from demo.seed import documents, total

Document = dict[str, Any]
Data = dict[str, list[Document]]

NOW = datetime(2026, 5, 20, 15, 7, 3, 123456, tzinfo=UTC)
OTHER_NOWS = [
    datetime(2024, 2, 29, 2, 30, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 0, 0, 999, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 59, 59, 999999, tzinfo=UTC),
]
PAID = {"CONFIRMED", "RECEIVED", "succeeded"}
FUNNEL = [
    "product_view", "add_to_cart", "begin_checkout", "checkout_started", "payment_info_entered",
    "purchase", "order_completed",
]  # fmt: skip
ERRORS = {"payment_error", "checkout_error", "payment_confirmation_error", "address_error"}
WALLET = {
    "status", "owner_id", "previous_owner_id", "initial_owner", "ticket_number", "barcode",
    "organizer_ticket_id", "ticket_holder", "activated_at", "checked_at", "assigned_at",
    "controlled_at", "kept_by_owner_at", "delivered_at", "purchase", "seating", "metadata", "rules",
    "devices", "activation_details", "deleted_at", "deletion_reason", "transfer_forward_count",
    "transfer_backward_count", "already_downloaded",
}  # fmt: skip


def collect(scale: float = 0.05, seed: int = 1, now: datetime = NOW) -> Data:
    data: Data = {}
    for name, batch in documents(scale=scale, seed=seed, now=now):
        data.setdefault(name, []).extend(batch)
    return data


@pytest.fixture(scope="module", params=[(0.05, 1), (0.01, 1), (0.01, 2), (0.2, 3)], ids=str)
def data(request: pytest.FixtureRequest) -> Data:
    scale, seed = request.param
    return collect(scale, seed)


def timeless(value: Any) -> Any:
    """The value without dates and the timestamps in ids."""
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items()}
    if isinstance(value, list):
        return [timeless(each) for each in value]
    if isinstance(value, datetime):
        return datetime
    if isinstance(value, ObjectId) or (
        isinstance(value, str) and re.fullmatch("[0-9a-f]{24}", value)
    ):
        return str(value)[8:]
    return value


def dates(value: Any) -> list[datetime]:
    if isinstance(value, dict):
        return [date for each in value.values() for date in dates(each)]
    if isinstance(value, list):
        return [date for each in value for date in dates(each)]
    return [value] if isinstance(value, datetime) else []


def test_the_same_seed_makes_the_same_bytes() -> None:
    first, second = (
        [
            (name, [bson.encode(each) for each in batch])
            for name, batch in documents(scale=0.02, now=NOW)
        ]
        for _ in range(2)
    )
    assert first == second


def test_another_seed_makes_other_documents() -> None:
    assert collect(seed=1) != collect(seed=2)


@pytest.mark.parametrize("now", OTHER_NOWS)
def test_another_now_changes_only_times(now: datetime) -> None:
    assert timeless(collect(now=now)) == timeless(collect())


@pytest.mark.parametrize("now", OTHER_NOWS)
def test_another_now_changes_no_events_of_the_windows(now: datetime) -> None:
    def counts(now: datetime) -> list[Any]:
        data = collect(now=now)
        upcoming = [
            event["title"] for event in data["events"] if event.get("event_date", now) > now
        ]
        windows = [
            Counter(
                each["event_type"]
                for each in data["analytics_events"]
                if each["created_at"] >= start
            )
            for start in (now - timedelta(days=7), now - timedelta(days=90))
        ]
        return [upcoming, *windows]

    assert counts(now) == counts(NOW)


def test_ids_are_unique_and_have_the_time_of_creation(data: Data) -> None:
    ids = [each["_id"] for batch in data.values() for each in batch]
    assert len(set(ids)) == len(ids)
    for each in data["tickets"] + data["ticket_orders"] + data["analytics_events"]:
        assert each["_id"].generation_time == each["created_at"].replace(microsecond=0)


def test_datetimes_are_in_utc_and_truncated_to_milliseconds(data: Data) -> None:
    for date in dates(list(data.values())):
        assert date.tzinfo is UTC
        assert date.microsecond % 1000 == 0


def test_only_events_are_in_the_future(data: Data) -> None:
    assert max(dates([batch for name, batch in data.items() if name != "events"])) <= NOW


def test_the_data_contain_every_case(data: Data) -> None:
    events, tickets, orders = data["events"], data["tickets"], data["ticket_orders"]
    codes, products, users = data["promo_codes"], data["products"], data["users"]
    unsold = [ticket for ticket in tickets if "ticket_order_id" not in ticket]
    code_ids = {code["_id"] for code in codes}
    holders = {user["_id"] for user in users}
    wallets = [ticket["wallet"] for ticket in tickets if "wallet" in ticket]
    injected = [wallet for wallet in wallets if wallet["status"] == "INJECTED"]
    expected: dict[str, tuple[list[Document], Callable[[Document], object]]] = {
        "past": (events, lambda e: "event_date" in e and e["event_date"] <= NOW),
        "upcoming": (events, lambda e: "event_date" in e and e["event_date"] > NOW),
        "undated": (events, lambda e: "event_date" not in e),
        "unlocated": (events, lambda e: "location" not in e),
        "unlimited": (events, lambda e: e.get("capacity") == 0),
        "without capacity": (events, lambda e: "capacity" not in e),
        "inactive": (events, lambda e: not e["is_active"]),
        "box office": (events, lambda e: e.get("is_sale_box_office")),
        "two apps": (events, lambda e: len(e.get("mobile_app_ids", [])) == 2),
        "no app": (events, lambda e: "mobile_app_ids" not in e),
        "sold with a code": (tickets, lambda t: {"ticket_order_id", "promo_code_id"} <= set(t)),
        "admin": (unsold, lambda t: "promo_code_id" not in t),
        "promo": (unsold, lambda t: t.get("promo_code_id") in code_ids),
        "orphan": (unsold, lambda t: t.get("promo_code_id", codes[0]["_id"]) not in code_ids),
        "consumed": (tickets, lambda t: t["status"] == "consumed" and t["consumed_at"]),
        "expired": (tickets, lambda t: t["status"] == "expired"),
        "available": (tickets, lambda t: t["status"] == "available"),
        "never updated": (tickets, lambda t: "updated_at" not in t),
        "injected": (injected, lambda w: w.get("owner_id") in holders),
        "waiting for its owner": (injected, lambda w: "owner_id" not in w and w["initial_owner"]),
        "deleted": (wallets, lambda w: w["status"] == "DELETED"),
        "transferred": (wallets, lambda w: w.get("previous_owner_id")),
        "null method": (orders, lambda o: o.get("payment_method", "") is None),
        "no method": (orders, lambda o: "payment_method" not in o),
        "pix": (orders, lambda o: o.get("payment_method") == "pix"),
        "credit card": (orders, lambda o: o.get("payment_method") == "credit_card"),
        "promo code": (codes, lambda c: c["code_type"] == "promo" and c["is_active"]),
        "inactive code": (codes, lambda c: not c["is_active"]),
        "no inventory": (products, lambda p: "inventory" not in p),
        "no pricing": (products, lambda p: "pricing" not in p),
        "no threshold": (products, lambda p: "low_stock_threshold" not in p.get("inventory", p)),
        "inactive product": (products, lambda p: not p["is_active"]),
        "out of stock": (products, lambda p: available(p) == 0),
        "low on stock": (products, lambda p: available(p) in range(1, 5)),
        "inactive user": (users, lambda u: not u["is_active"]),
    }  # fmt: skip
    assert [name for name, (rows, held) in expected.items() if not any(map(held, rows))] == []
    assert {user["role"] for user in users} == {"customer", "staff", "admin"}
    assert {product["pricing"]["currency"] for product in products if "pricing" in product} == {
        "BRL", "USD", "EUR",
    }  # fmt: skip


def available(product: Document) -> int | None:
    inventory = product.get("inventory")
    return inventory["stock_quantity"] - inventory["reserved_quantity"] if inventory else None


def test_wallets_have_every_field_of_the_contract_and_an_owner_unless_injected(data: Data) -> None:
    wallets = [each["wallet"] for each in data["tickets"] if "wallet" in each]
    holders = {user["_id"] for user in data["users"]}
    assert {field for wallet in wallets for field in wallet} == WALLET
    assert {wallet["status"] for wallet in wallets} == {
        "INJECTED", "ASSIGNED", "ACTIVATED", "CONTROLLED", "DELETED",
    }  # fmt: skip
    for wallet in wallets:
        assert wallet.get("owner_id") in holders or wallet["status"] == "INJECTED"
        assert ("deleted_at" in wallet) == (wallet["status"] == "DELETED")


def test_each_gateway_has_its_own_statuses() -> None:
    statuses = {(each["gateway"], each["payment_status"]) for each in collect()["ticket_orders"]}
    assert statuses == {
        *(("asaas", status) for status in ("CONFIRMED", "RECEIVED", "PENDING", "OVERDUE")),
        *(("stripe", status) for status in ("succeeded", "requires_action", "canceled")),
    }


def test_only_a_paid_order_has_tickets_as_many_as_its_ticket_count(data: Data) -> None:
    made = Counter(each.get("ticket_order_id") for each in data["tickets"])
    for order in data["ticket_orders"]:
        paid = order["payment_status"] in PAID
        assert made[order["_id"]] == (order["ticket_count"] if paid else 0)


def test_the_amount_of_an_order_is_its_tickets_times_a_price_of_its_event(data: Data) -> None:
    prices: dict[ObjectId, set[int]] = {}
    for order in data["ticket_orders"]:
        price, rest = divmod(order["amount_cents"], order["ticket_count"])
        assert rest == 0
        prices.setdefault(order["event_id"], set()).add(price)
    # Full and half price, and both with a discount.
    assert all(len(found) <= 4 and min(found) > 0 for found in prices.values())


def test_only_one_event_is_overbooked_and_others_are_sold_out_or_empty(data: Data) -> None:
    issued = Counter(each["event_id"] for each in data["tickets"])
    limited = [
        (issued[each["_id"]], each["capacity"]) for each in data["events"] if each.get("capacity")
    ]
    assert sum(tickets > capacity for tickets, capacity in limited) == 1
    assert any(tickets == capacity for tickets, capacity in limited)
    assert any(tickets == 0 for tickets, _ in limited)
    assert set(issued) <= {each["_id"] for each in data["events"]}


def test_the_times_of_a_ticket_are_in_order(data: Data) -> None:
    for ticket in data["tickets"]:
        assert ticket["created_at"] <= ticket.get("consumed_at", NOW)
        assert min(dates(ticket)) == ticket["created_at"]
        assert max(dates(ticket)) == ticket.get("updated_at", ticket["created_at"])


def test_behaviour_spans_ninety_days_and_the_last_week_has_a_fair_share(data: Data) -> None:
    ages = [NOW - each["created_at"] for each in data["analytics_events"]]
    assert timedelta(days=85) < max(ages) <= timedelta(days=90)
    assert 0.15 < sum(age <= timedelta(days=7) for age in ages) / len(ages) < 0.4


def test_all_types_of_behaviour_events_occur_and_the_funnel_narrows(data: Data) -> None:
    counts = Counter(each["event_type"] for each in data["analytics_events"])
    assert set(counts) == {*FUNNEL, *ERRORS, "whatsapp_cart_click", "whatsapp_purchase"}
    funnel = [counts[step] for step in FUNNEL]
    assert funnel == sorted(funnel, reverse=True)


def test_purchases_have_keys_prices_of_both_types_and_repeat_buyers(data: Data) -> None:
    purchases = [each for each in data["analytics_events"] if each["event_type"] == "purchase"]
    buyers = Counter(each["user_id"] for each in purchases if "user_id" in each)
    assert len({each["idempotency_key"] for each in purchases}) == len(purchases)
    assert {type(each["price"]) for each in purchases} == {str, float}
    assert all(float(each["price"]) > 0 for each in purchases)
    assert 1 < max(buyers.values()) < len(purchases) / 3
    assert any("metadata" not in each for each in purchases)


def test_errors_have_messages(data: Data) -> None:
    for each in data["analytics_events"]:
        assert ("error_message" in each) == (each["event_type"] in ERRORS)


def test_amounts_grow_with_the_scale() -> None:
    small, large = collect(0.2), collect(0.6)
    for name in ("tickets", "ticket_orders", "analytics_events", "users"):
        assert len(large[name]) == pytest.approx(3 * len(small[name]), rel=0.1)


@pytest.mark.parametrize("scale", [0.01, 0.3])
def test_the_total_is_approximately_right(scale: float) -> None:
    made = sum(len(batch) for _, batch in documents(scale=scale, now=NOW))
    assert total(scale) == pytest.approx(made, rel=0.05)
