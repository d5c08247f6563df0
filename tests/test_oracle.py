"""Tests of the oracle: its answers equal ones computed by hand, and its parts sum to wholes.

The oracle judges the server, so no expected number comes from either of them: each was computed by
hand from the contract.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, given, settings

from tests import oracle
from tests.strategies import (
    COLLECTIONS,
    E_GOOD,
    EVENT_ORDERS,
    FAR_DATES,
    MILLISECOND,
    NOW,
    O_GOOD,
    P_GONE,
    P_GOOD,
    Dataset,
    datasets,
    event_stats_arguments,
    nasty,
    oid,
)

EMPTY: Dataset = {name: [] for name in COLLECTIONS}

# A busy machine must not fail a test.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class ByHand(dict[str, Any]):
    """An answer counted by hand: equal to one with the same numbers, and perhaps further KPIs."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and {name: other.get(name) for name in self} == dict(self)

    __hash__ = None


def _event(number: int, **fields: Any) -> dict[str, Any]:
    return {"_id": oid(number), **fields}


def _titles(data: Dataset, field: str, direction: str) -> list[str]:
    answer = oracle.event_stats(data, order_by=(field, direction))
    return [row["title"] for row in answer["events"]]


def _all_answers(data: Dataset) -> list[Any]:
    return [
        oracle.events_overview(data, now=NOW),
        oracle.event_stats(data),
        *(oracle.event(data, event["_id"]) for event in data["events"]),
        oracle.promo_code_stats(data),
        oracle.order_stats(data),
        oracle.metrics(data),
        oracle.metrics(data, active_only=False),
    ]


# ---------------------------------------------------------------- empty databases


def test_an_empty_database_answers_zeros_and_empty_lists() -> None:
    assert oracle.events_overview(EMPTY, now=NOW) == ByHand(
        {
            "id": "EventsOverview",
            "totalEvents": 0,
            "activeEvents": 0,
            "upcomingEvents": 0,
            "pastEvents": 0,
            "totalTicketsIssued": 0,
            "totalTicketsSold": 0,
            "totalTicketsPromo": 0,
            "totalTicketsAdmin": 0,
            "totalRevenue": 0.0,
            "totalOrders": 0,
            "eventsByType": [],
        }
    )
    assert oracle.event_stats(EMPTY) == {"total": 0, "events": []}
    assert oracle.event(EMPTY, E_GOOD) is None
    assert oracle.promo_code_stats(EMPTY) == ByHand(
        {
            "id": "PromoCodeStats",
            "totalPromoCodes": 0,
            "activePromoCodes": 0,
            "totalTicketsFromPromos": 0,
            "unattributedTickets": 0,
            "byType": [],
            "topCodes": [],
        }
    )
    assert oracle.order_stats(EMPTY) == ByHand(
        {
            "id": "OrderStats",
            "totalOrders": 0,
            "totalRevenue": 0.0,
            "confirmedRevenue": 0.0,
            "byStatus": [],
            "byGateway": [],
            "byPaymentMethod": [],
            "avgOrderValue": 0.0,
            "avgTicketsPerOrder": 0.0,
        }
    )
    metrics = oracle.metrics(EMPTY)
    assert metrics.pop("inventoryRevenueByCurrency") == []
    assert metrics.pop("id") == 'Metrics({"activeOnly":true})'
    assert set(metrics.values()) == {0}
    assert len(metrics) >= 27


def test_missing_collections_count_as_empty() -> None:
    assert _all_answers({**EMPTY}) == [
        oracle.events_overview({}, now=NOW),
        oracle.event_stats({}),
        oracle.promo_code_stats({}),
        oracle.order_stats({}),
        oracle.metrics({}),
        oracle.metrics({}, active_only=False),
    ]


# ---------------------------------------------------------------- the reference document's example


def test_the_example_event_of_the_reference_document() -> None:
    event_id = ObjectId("665a1b2c3d4e5f6a7b8c9d0e")
    statuses = ["available"] * 100 + ["consumed"] * 40 + ["expired"] * 7
    data: Dataset = {
        **EMPTY,
        "events": [
            {
                "_id": event_id,
                "title": "Pre-Estreia: O Retorno",
                "event_type": "movie_premiere",
                "event_date": datetime(2026, 4, 15, 19, tzinfo=UTC),
                "location": "Cinema Central - Sala 3",
                "capacity": 200,
                "tickets_issued": 3,
                "is_active": True,
            }
        ],
        "tickets": [
            {
                "_id": oid(number),
                "event_id": event_id,
                "status": status,
                "ticket_order_id": O_GOOD if number < 110 else None,
                "promo_code_id": P_GOOD if number >= 110 else None,
            }
            for number, status in enumerate(statuses)
        ],
        "ticket_orders": [
            {
                "_id": oid(number),
                "event_id": event_id,
                "payment_status": "CONFIRMED",
                "amount_cents": 10000,
            }
            for number in range(55)
        ],
    }
    expected = ByHand(
        {
            "id": "665a1b2c3d4e5f6a7b8c9d0e",
            "eventId": "665a1b2c3d4e5f6a7b8c9d0e",
            "title": "Pre-Estreia: O Retorno",
            "eventType": "movie_premiere",
            "eventDate": "2026-04-15T19:00:00.000+00:00",
            "location": "Cinema Central - Sala 3",
            "capacity": 200,
            "isActive": True,
            "isSaleBoxOffice": False,
            "ticketsIssued": 147,
            "ticketsSold": 110,
            "ticketsPromo": 37,
            "ticketsAdmin": 0,
            "ticketStatus": {"available": 100, "consumed": 40, "expired": 7},
            "revenue": 5500.0,
            "ordersCount": 55,
            "occupancyPct": 73.5,
        }
    )
    assert oracle.event(data, event_id) == expected
    assert oracle.event_stats(data) == {"total": 1, "events": [expected]}


# ---------------------------------------------------------------- the nasty data set, by hand


def test_the_overview_of_the_nasty_data_set() -> None:
    assert oracle.events_overview(nasty(), now=NOW) == ByHand(
        {
            "totalEvents": 15,
            "activeEvents": 3,
            "upcomingEvents": 2,
            "pastEvents": 4,
            "totalTicketsIssued": 37,
            "totalTicketsSold": 10,
            "totalTicketsPromo": 12,
            "totalTicketsAdmin": 15,
            "totalRevenue": 210.34,
            "totalOrders": 19,
            "eventsByType": [
                {"eventType": "unknown", "count": 9},
                {"eventType": "concert", "count": 3},
                {"eventType": "$event_type", "count": 1},
                {"eventType": "Concert", "count": 1},
                {"eventType": "a.b", "count": 1},
            ],
        }
    )


def test_the_good_event_of_the_nasty_data_set() -> None:
    assert oracle.event(nasty(), E_GOOD) == ByHand(
        {
            "eventId": "000000000000000000000e01",
            "title": "Zebra",
            "eventType": "concert",
            "eventDate": "2026-05-04T12:00:00.123+00:00",
            "location": "Cinéma – Sala 3",
            "capacity": 7,
            "isActive": True,
            "isSaleBoxOffice": True,
            "ticketsIssued": 23,
            "ticketsSold": 7,
            "ticketsPromo": 8,
            "ticketsAdmin": 8,
            "ticketStatus": {"available": 8, "consumed": 1, "expired": 8},
            "revenue": 102.44,  # 102.445
            "ordersCount": 14,
            "occupancyPct": 328.6,
        }
    )


def test_an_event_that_is_nothing_but_an_id_is_shown() -> None:
    assert oracle.event(nasty(), oid(0xE04)) == ByHand(
        {
            "eventId": "000000000000000000000e04",
            "title": "",
            "eventType": "unknown",
            "eventDate": None,
            "location": "",
            "capacity": 0,
            "isActive": False,
            "isSaleBoxOffice": False,
            "ticketsIssued": 0,
            "ticketsSold": 0,
            "ticketsPromo": 0,
            "ticketsAdmin": 0,
            "ticketStatus": {"available": 0, "consumed": 0, "expired": 0},
            "revenue": 0.0,
            "ordersCount": 0,
            "occupancyPct": 0.0,
        }
    )


def test_the_capacities_and_occupancies_of_the_nasty_data_set() -> None:
    rows = oracle.event_stats(nasty())["events"]
    shown = {row["eventId"][-3:]: (row["capacity"], row["occupancyPct"]) for row in rows}
    assert shown == {
        "fff": (0, 0.0),
        "e01": (7, 328.6),
        "e02": (0, 0.0),
        "e03": (2, 100.0),
        "e04": (0, 0.0),
        "e05": (0, 0.0),
        "e06": (0, 0.0),
        "e07": (0, 0.0),
        "e08": (0, 0.0),
        "e09": (2147483647, 0.0),
        "e0a": (4, 25.0),
        "e0b": (0, 0.0),
        "e0c": (0, 0.0),
        "e0d": (0, 0.0),
        "e0e": (16, 6.2),  # 6.25
    }


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, "e0a e03 e01 e02 e07 e08 e04 e05 e06 e09 e0b e0c e0d e0e fff"),
        (("EVENT_DATE", "DESC"), "e0a e03 e01 e02 e07 e08 e04 e05 e06 e09 e0b e0c e0d e0e fff"),
        (("EVENT_DATE", "ASC"), "e08 e07 e01 e02 e03 e0a e04 e05 e06 e09 e0b e0c e0d e0e fff"),
        # "" seven times, "$title", "Zebra" twice, "Zebra ", "zebra", "Árvore", "\uff9e", "😀".
        (("TITLE", "ASC"), "e04 e05 e06 e0a e0b e0c e0d e07 e01 fff e0e e03 e02 e09 e08"),
        (("TITLE", "DESC"), "e08 e09 e02 e03 e0e e01 fff e07 e04 e05 e06 e0a e0b e0c e0d"),
        (("TICKETS_ISSUED", "DESC"), "e01 e03 e02 e0a e0e fff e04 e05 e06 e07 e08 e09 e0b e0c e0d"),
        (("TICKETS_ISSUED", "ASC"), "e04 e05 e06 e07 e08 e09 e0b e0c e0d e02 e0a e0e fff e03 e01"),
        (("TICKETS_SOLD", "DESC"), "e01 e02 e0e e03 e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d fff"),
        (("TICKETS_SOLD", "ASC"), "e03 e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d fff e02 e0e e01"),
        (("REVENUE", "DESC"), "e01 e02 e03 e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d e0e fff"),
        (("REVENUE", "ASC"), "e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d e0e fff e03 e02 e01"),
        (("ORDERS_COUNT", "DESC"), "e01 e02 e03 e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d e0e fff"),
        (("ORDERS_COUNT", "ASC"), "e04 e05 e06 e07 e08 e09 e0a e0b e0c e0d e0e fff e02 e03 e01"),
        (("OCCUPANCY_PCT", "DESC"), "e01 e03 e0a e0e e02 e04 e05 e06 e07 e08 e09 e0b e0c e0d fff"),
        (("OCCUPANCY_PCT", "ASC"), "e02 e04 e05 e06 e07 e08 e09 e0b e0c e0d fff e0e e0a e03 e01"),
    ],
)
def test_the_events_of_the_nasty_data_set_in_every_order(
    order_by: tuple[str, str] | None, expected: str
) -> None:
    rows = oracle.event_stats(nasty(), order_by=order_by)["events"]
    assert " ".join(row["eventId"][-3:] for row in rows) == expected


@pytest.mark.parametrize(
    ("event_type", "active_only", "expected"),
    [
        ("concert", False, "e01 e0e fff"),
        ("Concert", False, "e03"),
        ("$event_type", False, "e07"),
        ("unknown", False, "e0a e02 e04 e05 e06 e09 e0b e0c e0d"),
        ("unknown", True, "e02"),
        (None, True, "e01 e02 e07"),
        ("", False, ""),
        ("nothing", False, ""),
        (".*", False, ""),
    ],
)
def test_the_filters_of_event_stats(
    event_type: str | None, active_only: bool, expected: str
) -> None:
    answer = oracle.event_stats(nasty(), event_type=event_type, active_only=active_only)
    assert " ".join(row["eventId"][-3:] for row in answer["events"]) == expected
    assert answer["total"] == len(answer["events"])


def test_the_promo_codes_of_the_nasty_data_set() -> None:
    def top(number: int, code: str, code_type: str, title: str, is_active: bool) -> dict[str, Any]:
        return {
            "id": f"{0xC00 + number:024x}",
            "code": code,
            "codeType": code_type,
            "title": title,
            "ticketsGenerated": 1,
            "isActive": is_active,
        }

    top_codes = [
        top(2, "", "unknown", "", False),
        top(5, "", "unknown", "", False),
        top(3, "SAME", "ticket", "the lower id", False),
        top(4, "SAME", "promo", "the higher id", True),
        top(1, "VIP", "ticket", "Goiânia VIP", True),
    ]
    expected = {
        "id": "PromoCodeStats",
        "totalPromoCodes": 9,
        "activePromoCodes": 3,
        "totalTicketsFromPromos": 12,
        "unattributedTickets": 7,
        "byType": [
            {"codeType": "unknown", "total": 5, "active": 1, "ticketsGenerated": 2},
            {"codeType": "ticket", "total": 2, "active": 1, "ticketsGenerated": 2},
            {"codeType": "Ticket", "total": 1, "active": 0, "ticketsGenerated": 0},
            {"codeType": "promo", "total": 1, "active": 1, "ticketsGenerated": 1},
        ],
        "topCodes": top_codes,
    }
    assert oracle.promo_code_stats(nasty()) == expected
    assert oracle.promo_code_stats(nasty(), first=3) == ByHand(
        {**expected, "topCodes": top_codes[:3]}
    )


def test_the_orders_of_the_nasty_data_set() -> None:
    def line(key: str, count: int, total_amount: float) -> dict[str, Any]:
        return {"key": key, "count": count, "totalAmount": total_amount}

    assert oracle.order_stats(nasty()) == ByHand(
        {
            "totalOrders": 27,
            "totalRevenue": 280.34,
            "confirmedRevenue": 210.34,
            "byStatus": [
                line("CONFIRMED", 14, 207.71),
                line("unknown", 6, 50.0),
                line("succeeded", 3, 0.0),  # half a cent
                line("RECEIVED", 2, 2.62),  # 2.625
                line("$payment_status", 1, 10.0),
                line("confirmed", 1, 10.0),
            ],
            "byGateway": [
                line("asaas", 18, 207.84),
                line("unknown", 6, 50.0),
                line("$gateway", 1, 10.0),
                line("Asaas", 1, 10.0),
                line("stripe", 1, 2.5),
            ],
            "byPaymentMethod": [
                line("pix", 18, 207.84),
                line("unknown", 6, 50.0),
                line("PIX", 1, 10.0),
                line("credit_card", 1, 2.5),
                line("{}", 1, 10.0),
            ],
            "avgOrderValue": 10.38,  # 280.34 / 27
            "avgTicketsPerOrder": 0.72,  # 19.5 / 27
        }
    )


def test_the_metrics_of_the_nasty_data_set() -> None:
    assert oracle.metrics(nasty()) == {
        "id": 'Metrics({"activeOnly":true})',
        "totalCustomers": 5,
        "activeCustomers": 1,
        "inactiveCustomers": 4,
        "customersEmailVerified": 2,
        "customersPhoneVerified": 1,
        "totalStaff": 2,
        "activeStaff": 1,
        "inactiveStaff": 1,
        "staffEmailVerified": 1,
        "staffPhoneVerified": 1,
        "totalAdmins": 1,
        "activeAdmins": 1,
        "inactiveAdmins": 0,
        "adminsEmailVerified": 1,
        "adminsPhoneVerified": 1,
        "totalProducts": 19,
        "totalProductsWithInventory": 17,
        "totalProductsWithPricing": 15,
        "totalStockQuantity": 60,
        "totalReservedQuantity": 13,
        "totalAvailableQuantity": 47,
        "productsInStock": 11,
        "productsLowStock": 7,
        "productsOutOfStock": 6,
        "totalInventoryRevenue": 180.14,  # 180.135
        "reservedInventoryRevenue": 47.98,
        "availableInventoryRevenue": 132.16,  # 132.155
        "inventoryRevenueByCurrency": [
            {"currency": "$x", "total": 6.0, "reserved": 0.0, "available": 6.0},
            {"currency": "BRL", "total": 104.16, "reserved": 28.0, "available": 76.16},
            {"currency": "MXN", "total": 69.93, "reserved": 19.98, "available": 49.95},
            {"currency": "unknown", "total": 0.04, "reserved": 0.0, "available": 0.04},  # 0.045
        ],
    }


def test_inactive_products_count_unless_active_only() -> None:
    metrics = oracle.metrics(nasty(), active_only=False)
    assert metrics["totalProducts"] == 24
    assert metrics["totalProductsWithInventory"] == 21
    assert metrics["totalProductsWithPricing"] == 19
    assert metrics["productsInStock"] == 15
    assert metrics["totalStockQuantity"] == 2147483647
    assert metrics["totalReservedQuantity"] == 13
    assert metrics["totalAvailableQuantity"] == 2147483647
    assert metrics["inventoryRevenueByCurrency"][-1] == {
        "currency": "unknown",
        # (10 ** 12 - 1) ** 2 cents and 4.5 more
        "total": float(Decimal("9999999999980000000000.06")),
        "reserved": 0.0,
        "available": float(Decimal("9999999999980000000000.06")),
    }


# ---------------------------------------------------------------- small examples, one rule each


def test_an_event_at_now_is_past_and_one_a_millisecond_later_is_upcoming() -> None:
    data: Dataset = {
        **EMPTY,
        "events": [
            _event(1, event_date=NOW),
            _event(2, event_date=NOW + MILLISECOND),
            _event(3, event_date=NOW - MILLISECOND),
            _event(4),
        ],
    }
    # `now` is truncated to milliseconds, and its zone does not matter.
    late = (NOW + timedelta(microseconds=999)).astimezone(timezone(timedelta(hours=-3)))
    for now in (NOW, late):
        overview = oracle.events_overview(data, now=now)
        assert (overview["upcomingEvents"], overview["pastEvents"]) == (1, 2)


def test_titles_are_ordered_by_code_point() -> None:
    titles = ["\uff9e", "é", "b", "😀", "", "a", "e\u0301", "B"]
    data: Dataset = {**EMPTY, "events": [_event(n, title=t) for n, t in enumerate(titles)]}
    ascending = ["", "B", "a", "b", "e\u0301", "é", "\uff9e", "😀"]
    assert _titles(data, "TITLE", "ASC") == ascending
    assert _titles(data, "TITLE", "DESC") == ascending[::-1]


def test_ties_are_in_the_order_of_the_ids_in_both_directions() -> None:
    data: Dataset = {
        **EMPTY,
        "events": [
            {"_id": ObjectId("80" + "00" * 11), "title": "2"},
            {"_id": ObjectId("7f" + "ff" * 11), "title": "1"},
            {"_id": ObjectId("ff" + "00" * 11), "title": "3"},
        ],
    }
    for field in set(EVENT_ORDERS) - {"TITLE"}:
        assert _titles(data, field, "ASC") == ["1", "2", "3"]
        assert _titles(data, field, "DESC") == ["1", "2", "3"]


def test_occupancies_that_round_to_the_same_number_are_ties() -> None:
    # 33.33… and 33.3 are both shown as 33.3: the lower id comes first in both directions.
    tickets = [{"_id": oid(0), "event_id": oid(1)}]
    tickets += [{"_id": oid(n), "event_id": oid(2)} for n in range(1, 334)]
    events = [_event(2, title="333/1000", capacity=1000), _event(1, title="1/3", capacity=3)]
    data: Dataset = {**EMPTY, "tickets": tickets, "events": events}
    assert _titles(data, "OCCUPANCY_PCT", "ASC") == ["1/3", "333/1000"]
    assert _titles(data, "OCCUPANCY_PCT", "DESC") == ["1/3", "333/1000"]


def test_a_page_is_a_slice_of_all_events_in_order() -> None:
    events = [_event(n, title=str(n), event_type="t" if n != 4 else None) for n in range(6)]
    data: Dataset = {**EMPTY, "events": events}

    def page(number: int) -> tuple[int, list[str]]:
        answer = oracle.event_stats(
            data, page=number, limit=2, event_type="t", order_by=("TITLE", "DESC")
        )
        return answer["total"], [row["title"] for row in answer["events"]]

    assert [page(n) for n in range(4)] == [(5, ["5", "3"]), (5, ["2", "1"]), (5, ["0"]), (5, [])]


@pytest.mark.parametrize("arguments", [{"page": -1}, {"limit": 0}, {"limit": 501}])
def test_arguments_out_of_range_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        oracle.event_stats(EMPTY, page=arguments.get("page", 0), limit=arguments.get("limit", 20))


@pytest.mark.parametrize("first", [0, 101])
def test_a_first_out_of_range_is_refused(first: int) -> None:
    with pytest.raises(AssertionError):
        oracle.promo_code_stats(EMPTY, first=first)


@pytest.mark.parametrize(
    ("order_id", "promo_id", "origin"),
    [
        (O_GOOD, None, "Sold"),
        (O_GOOD, P_GOOD, "Sold"),
        ("", P_GOOD, "Sold"),
        ([], P_GOOD, "Sold"),
        (False, None, "Sold"),
        (None, P_GOOD, "Promo"),
        (None, P_GONE, "Promo"),
        (None, "", "Promo"),
        (None, [], "Promo"),
        (None, 0, "Promo"),
        (None, None, "Admin"),
    ],
)
def test_the_origin_of_a_ticket(order_id: object, promo_id: object, origin: str) -> None:
    ticket = {"_id": oid(1), "ticket_order_id": order_id, "promo_code_id": promo_id}
    overview = oracle.events_overview({**EMPTY, "tickets": [ticket]}, now=NOW)
    counts = {name: overview[f"totalTickets{name}"] for name in ("Sold", "Promo", "Admin")}
    assert counts == {"Sold": 0, "Promo": 0, "Admin": 0, origin: 1}


@pytest.mark.parametrize(
    ("wallet", "deleted"),
    [
        ({"status": "DELETED"}, True),
        ({"deleted_at": NOW}, True),
        ({"deleted_at": NOW.replace(tzinfo=None)}, True),
        ({"deleted_at": FAR_DATES[0]}, True),
        (DBRef("c", 1, status="DELETED"), True),
        ({"status": "Deleted"}, False),
        ({"status": ["DELETED"]}, False),
        ({"status": Code("DELETED")}, False),
        ({"deleted_at": "2026-05-04"}, False),
        ({"deleted_at": [NOW]}, False),
        ({"deleted_at": Timestamp(1, 1)}, False),
        ([{"status": "DELETED"}], False),
        ("DELETED", False),
        ({}, False),
        (None, False),
    ],
)
def test_a_deleted_ticket_counts_nowhere(wallet: object, deleted: bool) -> None:
    ticket = {
        "_id": oid(1),
        "event_id": E_GOOD,
        "status": "available",
        "promo_code_id": P_GOOD,
        "wallet": wallet,
    }
    data: Dataset = {
        **EMPTY,
        "tickets": [ticket],
        "events": [{"_id": E_GOOD, "capacity": 1}],
        "promo_codes": [{"_id": P_GOOD}],
    }
    count = 0 if deleted else 1
    event = oracle.event(data, E_GOOD)
    assert event is not None
    assert event["ticketsIssued"] == event["ticketsPromo"] == count
    assert event["ticketStatus"]["available"] == count
    assert event["occupancyPct"] == 100.0 * count
    assert oracle.events_overview(data, now=NOW)["totalTicketsIssued"] == count
    promos = oracle.promo_code_stats(data)
    assert promos["totalTicketsFromPromos"] == count
    assert promos["byType"][0]["ticketsGenerated"] == len(promos["topCodes"]) == count


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ([0.1, 0.2], 0.0),  # 0.003
        ([0.1] * 10, 0.01),
        ([0.5], 0.0),  # ties are rounded to the even cent
        ([1.5], 0.02),
        ([2.5], 0.02),
        ([-0.5], 0.0),
        ([-1.5], -0.02),
        ([0.5, 0.5], 0.01),  # rounded once, at the end
        ([1.005], 0.01),
        ([0.49999999999999994], 0.0),  # half a cent at 15 digits
        ([2.4999999999999996], 0.02),
        ([True, "5", "", None, [5], {"a": 5}, NOW, oid(1)], 0.0),
        ([float("nan"), float("inf"), float("-inf"), Decimal128("NaN"), Decimal128("Inf")], 0.0),
        ([10**12, -(10**12), 1e12, Decimal128("1E+12"), Decimal128("-1E+6000"), 2**62], 0.0),
        ([10**12 - 1], 9999999999.99),
        ([-(10**12) + 1], -9999999999.99),
        ([Decimal128("999999999999.5")], 10000000000.0),
        ([Int64(123), Decimal128("0.5"), 7], 1.3),  # 1.305
        ([1e300, 5], 0.05),
        ([-0.0, Decimal128("-0")], 0.0),
    ],
)
def test_money_is_added_exactly_and_rounded_once(amounts: list[object], total: float) -> None:
    orders = [{"_id": oid(n), "amount_cents": amount} for n, amount in enumerate(amounts)]
    shown = oracle.order_stats({**EMPTY, "ticket_orders": orders})["totalRevenue"]
    assert shown == total
    assert type(shown) is float
    assert str(shown) != "-0.0"


def test_averages_use_unrounded_sums() -> None:
    def averages(*orders: tuple[object, object]) -> tuple[float, float]:
        documents = [
            {"_id": oid(n), "amount_cents": amount, "ticket_count": count}
            for n, (amount, count) in enumerate(orders)
        ]
        answer = oracle.order_stats({**EMPTY, "ticket_orders": documents})
        return answer["avgOrderValue"], answer["avgTicketsPerOrder"]

    # 8 orders: 1 cent in total is 0.00125 each; 1 ticket in total is 0.125 each, half to even.
    assert averages((1, 1), *[(0, 0)] * 7) == (0.0, 0.12)
    assert averages((100, 1), (1, 2)) == (0.5, 1.5)  # 0.505
    # 0.4 + 0.6 cents for two orders: an average of 0.005, half to even.
    assert averages((0.4, "2"), (0.6, 2.5)) == (0.0, 1.25)


def test_the_capacity_is_truncated_before_it_is_used() -> None:
    def shown(capacity: object) -> tuple[int, float]:
        data: Dataset = {
            **EMPTY,
            "events": [{"_id": E_GOOD, "capacity": capacity}],
            "tickets": [{"_id": oid(1), "event_id": E_GOOD}],
        }
        event = oracle.event(data, E_GOOD)
        assert event is not None
        return event["capacity"], event["occupancyPct"]

    assert shown(2.7) == shown(Decimal128("2.7")) == shown(2) == (2, 50.0)
    assert shown(2.9999999999999996) == (2, 50.0)
    assert shown(0.9) == shown(-0.9) == shown(-5) == shown(-5.5) == shown(0) == (0, 0.0)
    assert shown(True) == shown("2") == shown([2]) == shown(1e12) == shown(2**40) == (0, 0.0)
    assert shown(2**31 - 1) == shown(2**31) == shown(2**39) == (2147483647, 0.0)
    assert shown(1600) == (1600, 0.1)  # 0.0625
    assert shown(16) == (16, 6.2)  # 6.25


def test_ties_in_a_breakdown_are_ordered_by_key() -> None:
    gateways = ["b", "a", "B", None, "a", "b", "é", "\uff9e", "😀"]
    orders = [{"_id": oid(n), "gateway": gateway} for n, gateway in enumerate(gateways)]
    lines = oracle.order_stats({**EMPTY, "ticket_orders": orders})["byGateway"]
    assert [line["key"] for line in lines] == ["a", "b", "B", "unknown", "é", "\uff9e", "😀"]


def test_codes_are_ordered_by_tickets_then_text_then_id() -> None:
    codes = [(5, "b"), (4, "b"), (3, "a"), (2, "z"), (1, "none")]
    tickets = [5, 4, 3, 2, 2]
    data: Dataset = {
        **EMPTY,
        "promo_codes": [{"_id": oid(n), "code": code, "title": str(n)} for n, code in codes],
        "tickets": [{"_id": oid(n), "promo_code_id": oid(p)} for n, p in enumerate(tickets)],
    }
    top = oracle.promo_code_stats(data)["topCodes"]
    assert [(code["code"], code["title"]) for code in top] == [
        ("z", "2"),
        ("a", "3"),
        ("b", "4"),
        ("b", "5"),
    ]


@pytest.mark.parametrize(
    ("inventory", "in_stock", "low", "out"),
    [
        ({"stock_quantity": 6}, 1, 0, 0),
        ({"stock_quantity": 5}, 1, 1, 0),
        ({"stock_quantity": 5, "low_stock_threshold": None}, 1, 1, 0),
        ({"stock_quantity": 5, "low_stock_threshold": 4}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": "9"}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": ""}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": float("nan")}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": [9]}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": True}, 1, 0, 0),
        ({"stock_quantity": 5, "low_stock_threshold": Decimal128("5.5")}, 1, 1, 0),
        ({"stock_quantity": 1, "reserved_quantity": 1}, 0, 0, 1),
        ({"stock_quantity": 1, "reserved_quantity": 2}, 0, 0, 1),
        ({"stock_quantity": 1.9, "reserved_quantity": 1.1}, 0, 0, 1),
        ({"stock_quantity": -1, "reserved_quantity": -2}, 1, 1, 0),
        ({}, 0, 0, 1),
        ([{"stock_quantity": 6}], 0, 0, 0),
        (None, 0, 0, 0),
        ("", 0, 0, 0),
    ],
)
def test_products_in_stock_low_and_out_of_stock(
    inventory: object, in_stock: int, low: int, out: int
) -> None:
    products = [{"_id": oid(1), "is_active": True, "inventory": inventory}]
    metrics = oracle.metrics({**EMPTY, "products": products})
    assert metrics["productsInStock"] == in_stock
    assert metrics["productsLowStock"] == low
    assert metrics["productsOutOfStock"] == out
    assert metrics["totalProductsWithInventory"] == in_stock + out


def test_products_without_a_threshold_use_that_of_the_setting() -> None:
    products = [{"_id": oid(1), "is_active": True, "inventory": {"stock_quantity": 5}}]
    data: Dataset = {**EMPTY, "products": products}
    assert oracle.metrics(data, low_stock_threshold=4)["productsLowStock"] == 0
    assert oracle.metrics(data, low_stock_threshold=5)["productsLowStock"] == 1


@pytest.mark.parametrize(
    ("price", "counts"),
    [
        (1, True),
        (Int64(1), True),
        (1.5, True),
        (0, True),
        (float("nan"), True),
        (float("inf"), True),
        (1e12, True),
        (Decimal128("NaN"), True),
        (True, False),
        ("1", False),
        ([1], False),
        (None, False),
    ],
)
def test_a_price_is_a_value_of_a_numeric_type(price: object, counts: bool) -> None:
    products = [{"_id": oid(1), "is_active": True, "pricing": {"price_cents": price}}]
    metrics = oracle.metrics({**EMPTY, "products": products})
    assert metrics["totalProductsWithPricing"] == int(counts)
    assert metrics["inventoryRevenueByCurrency"] == []  # without inventory


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, Int64(1), True),
        (1, Decimal128("1.00"), True),
        (0, -0.0, True),
        (float("nan"), Decimal128("NaN"), True),
        (float("inf"), Decimal128("Infinity"), True),
        (float("inf"), float("-inf"), False),
        (0.1, Decimal128("0.1"), False),  # the double is a little more than a tenth
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("a", Code("a"), False),
        ("1", 1, False),
        (oid(1), str(oid(1)), False),
        (oid(1), [oid(1)], False),
        (oid(1), ObjectId(str(oid(1))), True),
        (b"a", Binary(b"a", 0), True),
        (b"a", Binary(b"a", 5), False),
        (NOW, NOW.replace(tzinfo=None), True),
        (NOW, DatetimeMS(NOW), True),
        (NOW, Timestamp(int(NOW.timestamp()), 0), False),
        ({"a": 1, "b": 2}, {"a": 1.0, "b": 2}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ([1, 2], [1.0, 2], True),
        (Regex("a", "i"), Regex("a", "i"), True),
        (Regex("a", "i"), Regex("a"), False),
    ],
)
def test_ids_are_compared_as_in_mongodb(one: object, other: object, equal: bool) -> None:
    assert (oracle.bson_key(one) == oracle.bson_key(other)) is equal


# ---------------------------------------------------------------- dates outside Python's years


def test_a_date_outside_pythons_years_counts_but_is_not_shown() -> None:
    far, long_ago = FAR_DATES[0], FAR_DATES[1]
    events = [
        _event(1, title="none"),
        _event(2, title="far", event_date=far),
        _event(3, title="now", event_date=NOW),
        _event(4, title="long ago", event_date=long_ago),
    ]
    data: Dataset = {**EMPTY, "events": events}
    overview = oracle.events_overview(data, now=NOW)
    assert (overview["upcomingEvents"], overview["pastEvents"]) == (1, 2)
    assert _titles(data, "EVENT_DATE", "DESC") == ["far", "now", "long ago", "none"]
    rows = oracle.event_stats(data)["events"]
    assert [row["eventDate"] for row in rows] == [None, rows[1]["eventDate"], None, None]
    assert rows[1]["eventDate"] == "2026-05-04T12:00:00.123+00:00"


@patiently
@given(datasets(far_dates=True))
def test_far_dates_raise_no_error(data: Dataset) -> None:
    _all_answers(data)


# ---------------------------------------------------------------- random data: sums and orders


def _through_bson(data: Dataset) -> Dataset:
    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
    )
    return {
        name: [bson.decode(bson.encode(document), options) for document in documents]
        for name, documents in data.items()
    }


def _assert_adds_up(parts: list[float], whole: float) -> None:
    # A shown number differs by at most half a cent, plus the error of a double.
    exact = sum((Fraction(part) for part in parts), Fraction(0))
    allowed = Fraction(1, 200) * (len(parts) + 1) + abs(Fraction(whole)) / 10**14
    assert abs(exact - Fraction(whole)) <= allowed + sum(abs(Fraction(p)) for p in parts) / 10**14


def _assert_largest_first(lines: list[dict[str, Any]], key: str, count: str) -> None:
    order = [(-line[count], line[key]) for line in lines]
    assert order == sorted(set(order))
    assert "" not in {line[key] for line in lines}


@patiently
@given(datasets())
def test_a_random_data_set_can_be_stored_and_answers_the_same_when_read_back(data: Dataset) -> None:
    assert set(data) == set(COLLECTIONS)
    for documents in data.values():
        assert len(documents) <= 12
        assert len({document["_id"] for document in documents}) == len(documents)
    assert _all_answers(_through_bson(data)) == _all_answers(data)


def test_the_nasty_data_set_answers_the_same_when_read_back() -> None:
    assert _all_answers(_through_bson(nasty())) == _all_answers(nasty())


@patiently
@given(datasets())
def test_the_order_of_the_documents_does_not_matter(data: Dataset) -> None:
    reversed_data = {name: documents[::-1] for name, documents in data.items()}
    for order in EVENT_ORDERS:
        for direction in ("ASC", "DESC"):
            assert oracle.event_stats(
                reversed_data, order_by=(order, direction)
            ) == oracle.event_stats(data, order_by=(order, direction))
    assert oracle.events_overview(reversed_data, now=NOW) == oracle.events_overview(data, now=NOW)
    assert oracle.promo_code_stats(reversed_data) == oracle.promo_code_stats(data)
    assert oracle.order_stats(reversed_data) == oracle.order_stats(data)
    assert oracle.metrics(reversed_data) == oracle.metrics(data)


@patiently
@given(datasets())
def test_the_parts_of_the_overview_sum_to_their_wholes(data: Dataset) -> None:
    overview = oracle.events_overview(data, now=NOW)
    assert overview["totalEvents"] == len(data["events"])
    assert sum(line["count"] for line in overview["eventsByType"]) == overview["totalEvents"]
    assert overview["totalTicketsIssued"] == (
        overview["totalTicketsSold"] + overview["totalTicketsPromo"] + overview["totalTicketsAdmin"]
    )
    dated = [e for e in data["events"] if isinstance(e.get("event_date"), datetime)]
    assert overview["upcomingEvents"] + overview["pastEvents"] == len(dated)
    _assert_largest_first(overview["eventsByType"], "eventType", "count")


@patiently
@given(datasets())
def test_the_parts_of_an_event_sum_to_its_wholes(data: Dataset) -> None:
    overview = oracle.events_overview(data, now=NOW)
    answer = oracle.event_stats(data, limit=500)
    rows = answer["events"]
    assert answer["total"] == len(rows) == overview["totalEvents"]
    for row in rows:
        issued = row["ticketsIssued"]
        assert row["ticketsSold"] + row["ticketsPromo"] + row["ticketsAdmin"] == issued
        assert sum(row["ticketStatus"].values()) <= issued
        assert row["capacity"] >= 0
        if row["capacity"] == 0 or issued == 0:
            assert row["occupancyPct"] == 0.0
        elif row["capacity"] < 2**31 - 1:
            exact = Fraction(100 * issued, row["capacity"])
            assert abs(Fraction(row["occupancyPct"]) - exact) <= Fraction(51, 1000)
        assert oracle.event(data, ObjectId(row["eventId"])) == row
    # The overview alone counts tickets and orders without an event.
    assert sum(row["ticketsIssued"] for row in rows) <= overview["totalTicketsIssued"]
    assert sum(row["ordersCount"] for row in rows) <= overview["totalOrders"]
    assert sum(row["isActive"] for row in rows) == overview["activeEvents"]


@patiently
@given(datasets())
def test_the_filters_by_type_partition_the_events(data: Dataset) -> None:
    overview = oracle.events_overview(data, now=NOW)
    seen: list[str] = []
    for line in overview["eventsByType"]:
        answer = oracle.event_stats(data, event_type=line["eventType"])
        assert answer["total"] == line["count"]
        assert {row["eventType"] for row in answer["events"]} == {line["eventType"]}
        seen += [row["eventId"] for row in answer["events"]]
    assert sorted(seen) == sorted(str(event["_id"]) for event in data["events"])
    assert oracle.event_stats(data, active_only=True)["total"] == overview["activeEvents"]


@patiently
@given(datasets(), event_stats_arguments())
def test_the_pages_of_event_stats_together_are_all_events(
    data: Dataset, arguments: dict[str, Any]
) -> None:
    limit = arguments.pop("limit", 20)
    arguments.pop("page", None)
    whole = oracle.event_stats(data, limit=500, **arguments)
    pages = [oracle.event_stats(data, page=n, limit=limit, **arguments) for n in range(13)]
    assert [row for page in pages for row in page["events"]] == whole["events"]
    assert {page["total"] for page in pages} == {whole["total"]} == {len(whole["events"])}


@patiently
@given(datasets())
def test_events_ordered_by_a_number_have_ties_ordered_by_id(data: Dataset) -> None:
    for order in set(EVENT_ORDERS) - {"EVENT_DATE", "TITLE"}:
        field = order[0].lower() + order.title().replace("_", "")[1:]
        for direction, sign in (("ASC", 1), ("DESC", -1)):
            rows = oracle.event_stats(data, order_by=(order, direction))["events"]
            keys = [(sign * row[field], row["eventId"]) for row in rows]
            assert keys == sorted(keys)


@patiently
@given(datasets())
def test_the_parts_of_the_promo_codes_sum_to_their_wholes(data: Dataset) -> None:
    stats = oracle.promo_code_stats(data, first=100)
    by_type = stats["byType"]
    assert stats["totalPromoCodes"] == len(data["promo_codes"])
    assert sum(line["total"] for line in by_type) == stats["totalPromoCodes"]
    assert sum(line["active"] for line in by_type) == stats["activePromoCodes"]
    generated = sum(line["ticketsGenerated"] for line in by_type)
    assert generated + stats["unattributedTickets"] == stats["totalTicketsFromPromos"]
    assert sum(code["ticketsGenerated"] for code in stats["topCodes"]) == generated
    assert all(code["ticketsGenerated"] > 0 for code in stats["topCodes"])
    order = [(-code["ticketsGenerated"], code["code"]) for code in stats["topCodes"]]
    assert order == sorted(order)
    assert oracle.promo_code_stats(data, first=2)["topCodes"] == stats["topCodes"][:2]
    assert (
        stats["totalTicketsFromPromos"]
        == (oracle.events_overview(data, now=NOW)["totalTicketsPromo"])
    )
    _assert_largest_first(by_type, "codeType", "total")


@patiently
@given(datasets())
def test_the_parts_of_the_orders_sum_to_their_wholes(data: Dataset) -> None:
    stats = oracle.order_stats(data)
    assert stats["totalOrders"] == len(data["ticket_orders"])
    for breakdown in ("byStatus", "byGateway", "byPaymentMethod"):
        lines = stats[breakdown]
        assert sum(line["count"] for line in lines) == stats["totalOrders"]
        _assert_adds_up([line["totalAmount"] for line in lines], stats["totalRevenue"])
        _assert_largest_first(lines, "key", "count")
    paid = [line for line in stats["byStatus"] if line["key"] in oracle.PAID]
    _assert_adds_up([line["totalAmount"] for line in paid], stats["confirmedRevenue"])
    overview = oracle.events_overview(data, now=NOW)
    assert stats["confirmedRevenue"] == overview["totalRevenue"]
    assert sum(line["count"] for line in paid) == overview["totalOrders"]


@patiently
@given(datasets())
def test_the_parts_of_the_metrics_sum_to_their_wholes(data: Dataset) -> None:
    for active_only in (True, False):
        metrics = oracle.metrics(data, active_only=active_only)
        for people in ("Customers", "Staff", "Admins"):
            total = metrics[f"total{people}"]
            assert metrics[f"active{people}"] + metrics[f"inactive{people}"] == total
            assert metrics[f"{people.lower()}EmailVerified"] <= total
            assert metrics[f"{people.lower()}PhoneVerified"] <= total
        stock, reserved, available = (
            metrics[f"total{name}Quantity"] for name in ("Stock", "Reserved", "Available")
        )
        # A clamped number is not the sum of its parts.
        if not {stock, reserved, available} & {-(2**31), 2**31 - 1}:
            assert available == stock - reserved
        with_inventory = metrics["totalProductsWithInventory"]
        assert metrics["productsInStock"] + metrics["productsOutOfStock"] == with_inventory
        assert metrics["productsLowStock"] <= metrics["productsInStock"]
        assert with_inventory <= metrics["totalProducts"]
        assert metrics["totalProductsWithPricing"] <= metrics["totalProducts"]
        lines = metrics["inventoryRevenueByCurrency"]
        for scalar, name in (
            ("totalInventoryRevenue", "total"),
            ("reservedInventoryRevenue", "reserved"),
            ("availableInventoryRevenue", "available"),
        ):
            _assert_adds_up([line[name] for line in lines], metrics[scalar])
        currencies = [line["currency"] for line in lines]
        assert currencies == sorted(set(currencies))
        assert "" not in currencies
    assert oracle.metrics(data)["totalProducts"] <= len(data["products"])
    assert metrics["totalProducts"] == len(data["products"])


@patiently
@given(datasets())
def test_every_answer_is_json_with_numbers_in_range(data: Dataset) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)
        else:
            assert value is None or type(value) in {bool, int, float, str}
            assert type(value) is not int or -(2**31) <= value < 2**31

    check(_all_answers(data))
