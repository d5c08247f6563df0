"""The oracle: computes the answer of every KPI from documents, by brute force.

It is written from the contract alone, never from the server, so agreement of the two is evidence.
It reads the contract literally and slowly: whole lists, exact fractions, one rounding at the end.
Documents are as PyMongo returns or inserts them; answers are GraphQL's JSON.

Roles are not modelled: `metrics` answers every field, as for an admin.
"""

import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from unittest.mock import ANY

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

Document = Mapping[str, Any]
Data = Mapping[str, Sequence[Document]]

PAID = frozenset({"CONFIRMED", "RECEIVED", "succeeded"})
UNKNOWN = "unknown"
INT_MIN, INT_MAX = -(2**31), 2**31 - 1
TOO_BIG = 10**12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# ---------------------------------------------------------------- reading single values (rule 6)


def fields_of(value: object) -> Document:
    """The fields of a sub-document; empty for any other value, such as an array of documents."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, DBRef):  # PyMongo reads a document {$ref, $id} as a DBRef
        return value.as_doc()
    return {}


def _is_document(value: object) -> bool:
    return isinstance(value, Mapping | DBRef)


def text_of(value: object) -> str | None:
    # Code is a subclass of str, but BSON stores it as JavaScript, not as a string.
    if isinstance(value, str) and not isinstance(value, Code) and value != "":
        return value
    return None


def _required_text(value: object) -> str:
    text = text_of(value)
    return "" if text is None else text


def _group(value: object) -> str:
    text = text_of(value)
    return UNKNOWN if text is None else text


def _flag(value: object) -> bool:
    return value is True


def is_number(value: object) -> bool:
    """Whether the value has one of BSON's four numeric types. NaN has one."""
    return isinstance(value, int | float | Decimal128) and not isinstance(value, bool)


def _exact(value: object) -> Fraction:
    """The exact stored number; 0 if rule 6 does not count the value as a number."""
    number = Fraction(0)
    if isinstance(value, bool):
        return number
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        number = Fraction(value)
    elif isinstance(value, Decimal128):
        decimal = value.to_decimal()
        number = Fraction(decimal) if decimal.is_finite() else Fraction(0)
    return number if abs(number) < TOO_BIG else Fraction(0)


def decimal_of(value: object) -> Fraction:
    """The number for sums: a double is rounded to 15 significant digits, as $toDecimal does."""
    number = _exact(value)
    if isinstance(value, float) and number != 0:
        return Fraction(Decimal(f"{value:.14e}"))
    return number


def _amount_of(value: object) -> Fraction:
    """The number for sums of amounts: at 6 places."""
    return round(decimal_of(value), 6)


def _integer(value: object) -> int:
    """The number for Int fields: each document's value is truncated toward zero."""
    return math.trunc(_exact(value))


def milliseconds_of(value: object) -> int | None:
    """A BSON date in milliseconds since 1970; None if the value is not a date."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return (aware - _EPOCH) // _MILLISECOND
    if isinstance(value, DatetimeMS):
        return int(value)
    return None


def iso_of(value: object) -> str | None:
    milliseconds = milliseconds_of(value)
    if milliseconds is None:
        return None
    try:
        date = _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:  # outside the years 1 to 9999, for which ISO 8601 has no text
        return None
    return date.isoformat(timespec="milliseconds")


def _is_present_id(value: object) -> bool:
    return value is not None


# ---------------------------------------------------------------- writing single values


def clamped(value: int) -> int:
    return max(INT_MIN, min(INT_MAX, value))


def rounded(value: Fraction, places: int) -> float:
    return float(round(value, places))  # exact for a Fraction: half to even


def _money(cents: Fraction) -> float:
    return rounded(cents / 100, 2)


def ratio(above: Fraction | int, below: Fraction | int) -> Fraction:
    return Fraction(0) if below == 0 else Fraction(above) / Fraction(below)


def stats_id(kind: str, **arguments: object) -> str:
    """The id of totals: the type's name, and the field's arguments after defaults."""
    if not arguments:
        return kind
    return f"{kind}({json.dumps(arguments, separators=(',', ':'), sort_keys=True)})"


# ---------------------------------------------------------------- equality of ids

# A reference of such a type is present, and refers to no document. PyMongo reads a DBPointer as a
# DBRef.
NO_IDS = (Code, DBRef, MaxKey, MinKey, Regex, re.Pattern)


def bson_key(value: object) -> Hashable:
    """A key, equal for values that MongoDB takes for equal: 1 and 1.0, but not 1 and True."""
    match value:
        case None:
            return ("null",)
        case bool():
            return ("bool", value)
        case int() | float() | Decimal128():
            return ("number", _number_key(value))
        case Code():
            scope = None if value.scope is None else bson_key(value.scope)
            return ("code", str(value), scope)
        case str():
            return ("string", value)
        case datetime() | DatetimeMS():
            return ("date", milliseconds_of(value))
        case ObjectId():
            return ("objectId", value.binary)
        case Mapping() | DBRef():
            # Documents with the same fields in another order differ.
            return ("object", tuple((k, bson_key(v)) for k, v in fields_of(value).items()))
        case list() | tuple():
            return ("array", tuple(bson_key(item) for item in value))
        case bytes():
            return ("binary", value.subtype if isinstance(value, Binary) else 0, bytes(value))
        case Regex():
            return ("regex", value.pattern, value.flags)
        case re.Pattern():
            return bson_key(Regex.from_native(value))
        case Timestamp():
            return ("timestamp", value.time, value.inc)
        case MinKey():
            return ("minKey",)
        case MaxKey():
            return ("maxKey",)
    raise TypeError(f"the oracle has no key for the type {type(value)}")


def _number_key(value: float | Decimal128) -> Hashable:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, Decimal):
        finite, nan, negative = number.is_finite(), number.is_nan(), number.is_signed()
    else:
        finite, nan, negative = math.isfinite(number), math.isnan(number), number < 0
    if finite:
        return Fraction(number)
    return "NaN" if nan else "-Infinity" if negative else "Infinity"


def _grouped_by_id(documents: Iterable[Document], field: str) -> dict[Hashable, list[Document]]:
    groups: dict[Hashable, list[Document]] = {}
    for document in documents:
        if not isinstance(value := document.get(field), NO_IDS):
            groups.setdefault(bson_key(value), []).append(document)
    return groups


def _in_id_order(documents: Iterable[Document]) -> list[Document]:
    """By id. Documents whose ids Python can't compare have to come in order."""
    documents = [*documents]
    try:
        return sorted(documents, key=lambda document: document["_id"])
    except TypeError:
        return documents


# ---------------------------------------------------------------- tickets and orders


def _live_tickets(data: Data) -> list[Document]:
    return [ticket for ticket in data.get("tickets", ()) if not _is_deleted(ticket)]


def _is_deleted(ticket: Document) -> bool:
    wallet = fields_of(ticket.get("wallet"))
    return text_of(wallet.get("status")) == "DELETED" or (
        milliseconds_of(wallet.get("deleted_at")) is not None
    )


def _origin(ticket: Document) -> str:
    if _is_present_id(ticket.get("ticket_order_id")):
        return "sold"
    if _is_present_id(ticket.get("promo_code_id")):
        return "promo"
    return "admin"


def _of_origin(tickets: Iterable[Document], origin: str) -> int:
    return sum(1 for ticket in tickets if _origin(ticket) == origin)


def _paid(orders: Iterable[Document]) -> list[Document]:
    return [order for order in orders if text_of(order.get("payment_status")) in PAID]


def _cents(orders: Iterable[Document]) -> Fraction:
    return sum((_amount_of(order.get("amount_cents")) for order in orders), Fraction(0))


# ---------------------------------------------------------------- events


def events_overview(data: Data, *, now: datetime) -> dict[str, Any]:
    events = data.get("events", ())
    tickets = _live_tickets(data)
    paid = _paid(data.get("ticket_orders", ()))
    now_ms = milliseconds_of(now)
    assert now_ms is not None
    dates = [milliseconds_of(event.get("event_date")) for event in events]
    types: dict[str, int] = {}
    for event in events:
        key = _group(event.get("event_type"))
        types[key] = types.get(key, 0) + 1
    return {
        "id": stats_id("EventsOverview"),
        "totalEvents": clamped(len(events)),
        "activeEvents": clamped(sum(1 for event in events if _flag(event.get("is_active")))),
        "upcomingEvents": clamped(sum(1 for date in dates if date is not None and date > now_ms)),
        "pastEvents": clamped(sum(1 for date in dates if date is not None and date <= now_ms)),
        "totalTicketsIssued": clamped(len(tickets)),
        "totalTicketsSold": clamped(_of_origin(tickets, "sold")),
        "totalTicketsPromo": clamped(_of_origin(tickets, "promo")),
        "totalTicketsAdmin": clamped(_of_origin(tickets, "admin")),
        "totalRevenue": _money(_cents(paid)),
        "totalOrders": clamped(len(paid)),
        "eventsByType": [
            {"eventType": key, "count": clamped(count)}
            for key, count in sorted(types.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def event_stats(
    data: Data,
    *,
    page: int = 0,
    limit: int = 20,
    event_type: str | None = None,
    active_only: bool = False,
    order_by: tuple[str, str] | None = None,
) -> dict[str, Any]:
    assert page >= 0, "the API answers an error"
    assert 1 <= limit <= 500, "the API answers an error"
    rows = [
        row
        for row in _all_event_rows(data)
        if (event_type is None or row["eventType"] == event_type)
        and (not active_only or row["isActive"])
    ]
    rows = _ordered(rows, *(order_by or ("EVENT_DATE", "DESC")))
    return {
        "total": clamped(len(rows)),
        "events": [_shown(row) for row in rows[page * limit : (page + 1) * limit]],
    }


def event(data: Data, event_id: ObjectId) -> dict[str, Any] | None:
    for row in _all_event_rows(data):
        if bson_key(row["_event"]["_id"]) == bson_key(event_id):
            return _shown(row)
    return None


def _all_event_rows(data: Data) -> list[dict[str, Any]]:
    """A row for each event, in the order of the ids; "_event" is the document behind it."""
    tickets = _grouped_by_id(_live_tickets(data), "event_id")
    orders = _grouped_by_id(_paid(data.get("ticket_orders", ())), "event_id")
    return [
        _event_row(
            document,
            tickets.get(bson_key(document["_id"]), []),
            orders.get(bson_key(document["_id"]), []),
        )
        for document in _in_id_order(data.get("events", ()))
    ]


def _event_row(
    document: Document, tickets: Sequence[Document], paid: Sequence[Document]
) -> dict[str, Any]:
    issued = len(tickets)
    capacity = max(0, _integer(document.get("capacity")))
    statuses = [text_of(ticket.get("status")) for ticket in tickets]
    return {
        "_event": document,
        "id": str(document["_id"]),
        "eventId": str(document["_id"]),
        "title": _required_text(document.get("title")),
        "eventType": _group(document.get("event_type")),
        "eventDate": iso_of(document.get("event_date")),
        "location": _required_text(document.get("location")),
        "capacity": clamped(capacity),
        "isActive": _flag(document.get("is_active")),
        "isSaleBoxOffice": _flag(document.get("is_sale_box_office")),
        "ticketsIssued": clamped(issued),
        "ticketsSold": clamped(_of_origin(tickets, "sold")),
        "ticketsPromo": clamped(_of_origin(tickets, "promo")),
        "ticketsAdmin": clamped(_of_origin(tickets, "admin")),
        "ticketStatus": {
            status: clamped(statuses.count(status))
            for status in ("available", "consumed", "expired")
        },
        "revenue": _money(_cents(paid)),
        "ordersCount": clamped(len(paid)),
        # The stored capacity, not the shown one, which is clamped to Int.
        "occupancyPct": rounded(ratio(100 * issued, capacity), 1),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_event"}


_ORDER_FIELDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "EVENT_DATE": lambda row: milliseconds_of(row["_event"].get("event_date")),
    "TITLE": lambda row: row["title"],
    "TICKETS_ISSUED": lambda row: row["ticketsIssued"],
    "TICKETS_SOLD": lambda row: row["ticketsSold"],
    "REVENUE": lambda row: row["revenue"],
    "ORDERS_COUNT": lambda row: row["ordersCount"],
    "OCCUPANCY_PCT": lambda row: row["occupancyPct"],
}


def _ordered(rows: list[dict[str, Any]], field: str, direction: str) -> list[dict[str, Any]]:
    """Sorts by the shown values; rows with equal values stay in the order of their ids."""
    assert direction in {"ASC", "DESC"}
    key = _ORDER_FIELDS[field]
    # Only a date can be None. `sorted` is stable, also with `reverse`.
    with_key = [row for row in rows if key(row) is not None]
    without = [row for row in rows if key(row) is None]
    return sorted(with_key, key=key, reverse=direction == "DESC") + without


# ---------------------------------------------------------------- promo codes


def promo_code_stats(data: Data, *, first: int = 10) -> dict[str, Any]:
    assert 1 <= first <= 100, "the API answers an error"
    codes = _in_id_order(data.get("promo_codes", ()))
    promo_tickets = [ticket for ticket in _live_tickets(data) if _origin(ticket) == "promo"]
    by_code = _grouped_by_id(promo_tickets, "promo_code_id")

    def generated(code: Document) -> int:
        return len(by_code.get(bson_key(code["_id"]), []))

    types: dict[str, list[Document]] = {}
    for code in codes:
        types.setdefault(_group(code.get("code_type")), []).append(code)
    # `codes` are in the order of their ids, and `sorted` is stable.
    top = sorted(
        (code for code in codes if generated(code) > 0),
        key=lambda code: (-generated(code), _required_text(code.get("code"))),
    )
    return {
        "id": stats_id("PromoCodeStats"),
        "totalPromoCodes": clamped(len(codes)),
        "activePromoCodes": clamped(sum(1 for code in codes if _flag(code.get("is_active")))),
        "totalTicketsFromPromos": clamped(len(promo_tickets)),
        "unattributedTickets": clamped(len(promo_tickets) - sum(generated(code) for code in codes)),
        "byType": [
            {
                "codeType": key,
                "total": clamped(len(members)),
                "active": clamped(sum(1 for code in members if _flag(code.get("is_active")))),
                "ticketsGenerated": clamped(sum(generated(code) for code in members)),
            }
            for key, members in sorted(types.items(), key=lambda item: (-len(item[1]), item[0]))
        ],
        "topCodes": [
            {
                # The contract has ObjectIds only.
                "id": str(code["_id"]) if isinstance(code["_id"], ObjectId) else ANY,
                "code": _required_text(code.get("code")),
                "codeType": _group(code.get("code_type")),
                "title": _required_text(code.get("title")),
                "ticketsGenerated": clamped(generated(code)),
                "isActive": _flag(code.get("is_active")),
            }
            for code in top[:first]
        ],
    }


# ---------------------------------------------------------------- orders


def order_stats(data: Data) -> dict[str, Any]:
    orders = data.get("ticket_orders", ())
    seats = sum((_amount_of(order.get("ticket_count")) for order in orders), Fraction(0))
    return {
        "id": stats_id("OrderStats"),
        "totalOrders": clamped(len(orders)),
        "totalRevenue": _money(_cents(orders)),
        "confirmedRevenue": _money(_cents(_paid(orders))),
        "byStatus": _order_breakdown(orders, "payment_status"),
        "byGateway": _order_breakdown(orders, "gateway"),
        "byPaymentMethod": _order_breakdown(orders, "payment_method"),
        "avgOrderValue": rounded(ratio(_cents(orders), 100 * len(orders)), 2),
        "avgTicketsPerOrder": rounded(ratio(seats, len(orders)), 2),
    }


def _order_breakdown(orders: Iterable[Document], field: str) -> list[dict[str, Any]]:
    groups: dict[str, list[Document]] = {}
    for order in orders:
        groups.setdefault(_group(order.get(field)), []).append(order)
    return [
        {"key": key, "count": clamped(len(members)), "totalAmount": _money(_cents(members))}
        for key, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


# ---------------------------------------------------------------- metrics


def metrics(
    data: Data, *, active_only: bool = True, low_stock_threshold: int = 5
) -> dict[str, Any]:
    return {
        "id": stats_id("Metrics", activeOnly=active_only),
        **_user_metrics(data.get("users", ())),
        **_product_metrics(data.get("products", ()), active_only, low_stock_threshold),
    }


def _user_metrics(users: Iterable[Document]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for role, plural in (("customer", "Customers"), ("staff", "Staff"), ("admin", "Admins")):
        members = [user for user in users if text_of(user.get("role")) == role]
        active = sum(1 for user in members if _flag(user.get("is_active")))
        email = sum(1 for user in members if _flag(user.get("email_verified")))
        phone = sum(1 for user in members if _flag(user.get("phone_verified")))
        answer[f"total{plural}"] = clamped(len(members))
        answer[f"active{plural}"] = clamped(active)
        answer[f"inactive{plural}"] = clamped(len(members) - active)
        answer[f"{plural.lower()}EmailVerified"] = clamped(email)
        answer[f"{plural.lower()}PhoneVerified"] = clamped(phone)
    return answer


class _Product:
    """The values of one product document that the metrics use."""

    def __init__(self, document: Document, setting: int) -> None:
        inventory = fields_of(document.get("inventory"))
        pricing = fields_of(document.get("pricing"))
        self.has_inventory = _is_document(document.get("inventory"))
        self.has_pricing = is_number(pricing.get("price_cents"))
        self.stock = _integer(inventory.get("stock_quantity"))
        self.reserved = _integer(inventory.get("reserved_quantity"))
        self.available = self.stock - self.reserved
        threshold = inventory.get("low_stock_threshold")
        self.threshold = setting if threshold is None else _integer(threshold)
        self.price = _amount_of(pricing.get("price_cents"))
        self.currency = _group(pricing.get("currency"))


def _product_metrics(
    documents: Iterable[Document], active_only: bool, low_stock_threshold: int
) -> dict[str, Any]:
    products = [
        _Product(document, low_stock_threshold)
        for document in documents
        if not active_only or _flag(document.get("is_active"))
    ]
    stocked = [product for product in products if product.has_inventory]
    worth = [product for product in stocked if product.has_pricing]
    in_stock = [product for product in stocked if product.available > 0]
    low = [product for product in in_stock if product.available <= product.threshold]
    return {
        "totalProducts": clamped(len(products)),
        "totalProductsWithInventory": clamped(len(stocked)),
        "totalProductsWithPricing": clamped(sum(1 for product in products if product.has_pricing)),
        "totalStockQuantity": clamped(sum(product.stock for product in stocked)),
        "totalReservedQuantity": clamped(sum(product.reserved for product in stocked)),
        "totalAvailableQuantity": clamped(sum(product.available for product in stocked)),
        "productsInStock": clamped(len(in_stock)),
        "productsLowStock": clamped(len(low)),
        "productsOutOfStock": clamped(sum(1 for product in stocked if product.available <= 0)),
        "totalInventoryRevenue": _total_worth(worth),
        "reservedInventoryRevenue": _reserved_worth(worth),
        "availableInventoryRevenue": _available_worth(worth),
        "inventoryRevenueByCurrency": [
            {
                "currency": currency,
                "total": _total_worth(members),
                "reserved": _reserved_worth(members),
                "available": _available_worth(members),
            }
            for currency in sorted({product.currency for product in worth})
            for members in [[product for product in worth if product.currency == currency]]
        ],
    }


def _total_worth(products: Iterable[_Product]) -> float:
    return _money(sum((product.stock * product.price for product in products), Fraction(0)))


def _reserved_worth(products: Iterable[_Product]) -> float:
    return _money(sum((product.reserved * product.price for product in products), Fraction(0)))


def _available_worth(products: Iterable[_Product]) -> float:
    return _money(sum((product.available * product.price for product in products), Fraction(0)))
