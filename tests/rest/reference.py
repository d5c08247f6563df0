"""The answers of the reference's endpoints, made of the oracle's: names, order of keys, maps."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tests import operations, oracle, oracle_behaviour, oracle_tickets

Data = Mapping[str, Sequence[Mapping[str, Any]]]

EVENTS_DASHBOARD: Final = "/api/v1/admin/events-dashboard"
DASHBOARD_STATS: Final = "/api/analytics/dashboard-stats/"
REPORT: Final = "/organizer/report/events"

_OVERVIEW: Final = [
    "total_events",
    "active_events",
    "upcoming_events",
    "past_events",
    "total_tickets_issued",
    "total_tickets_sold",
    "total_tickets_promo",
    "total_revenue",
    "total_orders",
    "events_by_type",
]
_EVENT: Final = [
    "event_id",
    "title",
    "event_type",
    "event_date",
    "location",
    "capacity",
    "tickets_issued",
    "tickets_sold",
    "tickets_promo",
    "ticket_status",
    "revenue",
    "orders_count",
    "occupancy_pct",
]
_PROMO_CODES: Final = [
    "total_promo_codes",
    "active_promo_codes",
    "total_tickets_from_promos",
    "by_type",
    "top_codes",
]
_ORDERS: Final = [
    "total_orders",
    "total_revenue",
    "by_status",
    "by_gateway",
    "by_payment_method",
    "avg_order_value",
    "avg_tickets_per_order",
]
_STOCK: Final = [
    "total_products",
    "total_products_with_inventory",
    "total_products_with_pricing",
    "total_stock_quantity",
    "total_reserved_quantity",
    "total_available_quantity",
    "products_in_stock",
    "products_low_stock",
    "products_out_of_stock",
    "total_inventory_revenue",
    "reserved_inventory_revenue",
    "available_inventory_revenue",
]
_CUSTOMERS: Final = [
    "total_customers",
    "active_customers",
    "inactive_customers",
    "customers_email_verified",
    "customers_phone_verified",
]
_USERS: Final = [
    "total_customers",
    "total_staff",
    "total_admins",
    "active_customers",
    "inactive_customers",
    "active_staff",
    "inactive_staff",
    "active_admins",
    "inactive_admins",
    "customers_email_verified",
    "customers_phone_verified",
    "staff_email_verified",
    "staff_phone_verified",
    "admins_email_verified",
    "admins_phone_verified",
]
_DASHBOARD: Final = [
    "mode",
    "total_sales",
    "total_revenue",
    "average_order_value",
    "top_products",
    "top_viewed_products",
    "sales_by_day",
    "events_timeline",
    "abandonment_rate",
    "event_counts",
    "conversion_rates",
    "checkout_started_count",
    "payment_info_entered_count",
    "order_completed_count",
    "conversion_checkout_to_payment",
    "conversion_payment_to_order",
    "error_counts",
    "product_performance",
    "errors_timeline",
    "session_stats",
    "retention_metrics",
    "traffic_sources",
    "whatsapp_sessions",
    "whatsapp_purchases",
    "whatsapp_sessions_list",
]
_NESTED: Final = {
    "top_products": ["slug", "count"],
    "top_viewed_products": ["slug", "count"],
    "sales_by_day": ["date", "count"],
    "events_timeline": [
        "date",
        "product_view",
        "add_to_cart",
        "begin_checkout",
        "purchase",
        "checkout_started",
        "payment_info_entered",
        "order_completed",
    ],
    "event_counts": ["product_view", "add_to_cart", "begin_checkout", "purchase"],
    "conversion_rates": ["visit_to_cart", "cart_to_checkout", "checkout_to_purchase"],
    "error_counts": ["payment_error", "checkout_error", "payment_confirmation_error"],
    "errors_timeline": [
        "date",
        "payment_error",
        "checkout_error",
        "payment_confirmation_error",
        "address_error",
    ],
    "session_stats": ["unique_sessions", "avg_events_per_session", "sessions_with_purchase"],
    "retention_metrics": [
        "repurchase_rate",
        "recurrent_customers",
        "total_unique_buyers",
        "period_days",
    ],
    "traffic_sources": ["source", "sessions"],
}
# The ticket report is the one answer in camelCase: these are the reference's names.
_TICKET: Final = [name for name in operations.fields_of("TicketReportRow") if name != "id"]


def overview(data: Data, now: datetime) -> dict[str, Any]:
    found = _snake(oracle.events_overview(data, now=now))
    by_type = {each["event_type"]: each["count"] for each in found["events_by_type"]}
    return _only({**found, "events_by_type": by_type}, _OVERVIEW)


def events(data: Data, **arguments: Any) -> dict[str, Any]:
    found = oracle.event_stats(data, **arguments)
    return {"total": found["total"], "events": [_event(each) for each in found["events"]]}


def event(data: Data, event_id: Any) -> dict[str, Any]:
    found = oracle.event(data, event_id)
    assert found is not None
    return _event(found)


def promo_codes(data: Data) -> dict[str, Any]:
    found = _snake(oracle.promo_code_stats(data))
    found["by_type"] = {
        each["code_type"]: _only(each, ["total", "active", "tickets_generated"])
        for each in found["by_type"]
    }
    code = ["code", "code_type", "title", "tickets_generated", "is_active"]
    found["top_codes"] = [_only(each, code) for each in found["top_codes"]]
    return _only(found, _PROMO_CODES)


def orders(data: Data) -> dict[str, Any]:
    found = _snake(oracle.order_stats(data))
    for name in ("by_status", "by_gateway", "by_payment_method"):
        found[name] = {each["key"]: _only(each, ["count", "total_amount"]) for each in found[name]}
    return _only(found, _ORDERS)


def admin_dashboard(data: Data, *, active_only: bool = True) -> dict[str, Any]:
    return _metrics(data, _USERS + _STOCK, active_only)


def staff_dashboard(data: Data) -> dict[str, Any]:
    return _metrics(data, _CUSTOMERS, True)


def inventory(data: Data, *, active_only: bool = True) -> dict[str, Any]:
    return _metrics(data, _STOCK, active_only)


def dashboard_stats(data: Data, *, mode: str, now: datetime) -> dict[str, Any]:
    """The answer in a mode, `total` or `unique`."""
    found = oracle_behaviour.dashboard_stats(data, mode=mode.upper(), timezone="UTC", now=now)
    shown = {"mode": mode, **_snake({k: v for k, v in found.items() if k != "mode"})}
    product = [
        "slug",
        "name",
        "views",
        "add_to_cart",
        "purchases",
        "purchases_units",
        "conversion_rate",
    ]
    if mode == "total":
        product.remove("purchases_units")
    nested = {**_NESTED, "product_performance": product}
    for name, keys in nested.items():
        value = shown[name]
        shown[name] = (
            _only(value, keys) if isinstance(value, dict) else [_only(each, keys) for each in value]
        )
    return _only(shown, _DASHBOARD)


def ticket_report(data: Data, **arguments: Any) -> dict[str, Any]:
    found = oracle_tickets.ticket_report(data, **arguments)
    rows = [_only(each, _TICKET) for each in found["result"]]
    return {"total": found["total"], "result": rows}


def _metrics(data: Data, names: Sequence[str], active_only: bool) -> dict[str, Any]:
    return _only(
        _snake(oracle.metrics(data, active_only=active_only, low_stock_threshold=5)), names
    )


def _event(row: dict[str, Any]) -> dict[str, Any]:
    found = _snake(row)
    if (date := found["event_date"]) is not None:
        found["event_date"] = re.sub(r"\.000(?=\+)", "", date)
    status = _only(found["ticket_status"], ["available", "consumed", "expired"])
    return _only({**found, "ticket_status": status}, _EVENT)


def _only(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: found[name] for name in names}


def _snake(value: Any) -> Any:
    """A value with the keys of all of its objects in snake_case."""
    if isinstance(value, dict):
        return {
            re.sub(r"(?<=[a-z])[A-Z]", lambda m: f"_{m[0].lower()}", k): _snake(v)
            for k, v in value.items()
        }
    return [_snake(each) for each in value] if isinstance(value, list) else value
