"""Tests of the oracle of `dashboardStats`: answers computed by hand, and sums of its parts.

As in `tests/test_oracle.py`, each expected number was computed by hand from the contract.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import bson
import pytest
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle_behaviour import (
    CHECKOUT,
    ERRORS,
    ERRORS_TIMELINE,
    FUNNEL,
    TIMELINE,
    dashboard_stats,
    local_dates,
    price_of,
    quantity_of,
)
from tests.profiles import PROFILE
from tests.strategies import DAY, MILLISECOND, NOW, Dataset, oid
from tests.strategies_behaviour import (
    EVENT_TYPES,
    HOUR,
    MINUTE,
    NOWS_AROUND_CHANGES,
    QUARTER,
    WEEK,
    ZONED_NOWS,
    ZONES,
    behaviours,
    nasty_behaviour,
)

Json = dict[str, Any]

briefly = settings(max_examples=PROFILE.oracle_examples)


def _data(*events: Mapping[str, Any], products: Sequence[Mapping[str, Any]] = ()) -> Dataset:
    """Events with ascending ids, by default an hour old."""
    return {
        "analytics_events": [
            {"_id": oid(number), "created_at": NOW - HOUR, **event}
            for number, event in enumerate(events, 1)
        ],
        "products": [dict(product) for product in products],
    }


def _ask(data: Dataset, mode: str = "TOTAL", timezone: str = "UTC", now: datetime = NOW) -> Json:
    return dashboard_stats(data, mode=mode, timezone=timezone, now=now)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _day(of: str, columns: Mapping[str, str], **counts: int) -> Json:
    return {"date": of, **dict.fromkeys(columns, 0), **counts}


def _dates(answer: Json) -> list[str]:
    return [line["date"] for line in answer["eventsTimeline"]]


def _sales(answer: Json) -> dict[str, int]:
    return {line["date"]: line["count"] for line in answer["salesByDay"]}


# ---------------------------------------------------------------- empty databases and arguments


@pytest.mark.parametrize("mode", ["TOTAL", "UNIQUE"])
def test_an_empty_database_answers_zeros_and_complete_timelines(mode: str) -> None:
    days = ["2026-04-27", "2026-04-28", "2026-04-29", "2026-04-30"]
    days += ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"]
    assert _ask({}, mode) == {
        "id": f'DashboardStats({{"mode":"{mode}","timezone":"UTC"}})',
        "mode": mode,
        "windowStart": "2026-04-27T12:00:00.123+00:00",
        "windowEnd": "2026-05-04T12:00:00.123+00:00",
        "totalSales": 0,
        "totalRevenue": 0.0,
        "averageOrderValue": 0.0,
        "topProducts": [],
        "topViewedProducts": [],
        "salesByDay": [],
        "eventsTimeline": [
            {
                "date": day,
                "productView": 0,
                "addToCart": 0,
                "beginCheckout": 0,
                "purchase": 0,
                "checkoutStarted": 0,
                "paymentInfoEntered": 0,
                "orderCompleted": 0,
            }
            for day in days
        ],
        "abandonmentRate": 0.0,
        "eventCounts": {"productView": 0, "addToCart": 0, "beginCheckout": 0, "purchase": 0},
        "conversionRates": {"visitToCart": 0.0, "cartToCheckout": 0.0, "checkoutToPurchase": 0.0},
        "checkoutStartedCount": 0,
        "paymentInfoEnteredCount": 0,
        "orderCompletedCount": 0,
        "conversionCheckoutToPayment": 0.0,
        "conversionPaymentToOrder": 0.0,
        "errorCounts": {"paymentError": 0, "checkoutError": 0, "paymentConfirmationError": 0},
        "productPerformance": [],
        "errorsTimeline": [
            {
                "date": day,
                "paymentError": 0,
                "checkoutError": 0,
                "paymentConfirmationError": 0,
                "addressError": 0,
            }
            for day in days
        ],
        "sessionStats": {
            "uniqueSessions": 0,
            "avgEventsPerSession": 0.0,
            "sessionsWithPurchase": 0,
        },
        "retentionMetrics": {
            "repurchaseRate": 0.0,
            "recurrentCustomers": 0,
            "totalUniqueBuyers": 0,
            "periodDays": 90,
        },
        "trafficSources": [],
        "whatsappSessions": 0,
        "whatsappPurchases": 0,
        "whatsappSessionsList": [],
    }


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        _ask({}, timezone="Mars/Olympus_Mons")


def test_now_is_truncated_to_milliseconds() -> None:
    now = NOW + timedelta(microseconds=999)
    data = _data({"event_type": "purchase", "created_at": now - WEEK})
    # BSON truncates the event's date too: both have the same millisecond.
    assert _ask(data, now=now) == _ask(data)
    assert _ask(data)["totalSales"] == 1


# ---------------------------------------------------------------- the fixed data set


def test_the_hand_written_documents_in_total_mode() -> None:
    answer = _ask(nasty_behaviour())
    quiet = ["2026-04-28", "2026-04-29", "2026-04-30", "2026-05-02", "2026-05-03"]
    assert {line["date"]: line for line in answer.pop("eventsTimeline")} == {
        **{
            day: _day(day, TIMELINE) for day in [*quiet[:3], "2026-04-27", "2026-05-01", *quiet[3:]]
        },
        "2026-05-04": _day("2026-05-04", TIMELINE, productView=17, beginCheckout=8, purchase=152),
    }
    assert {line["date"]: line for line in answer.pop("errorsTimeline")} == {
        **{day: _day(day, ERRORS_TIMELINE) for day in quiet},
        "2026-04-27": _day("2026-04-27", ERRORS_TIMELINE, addressError=2),
        "2026-05-01": _day("2026-05-01", ERRORS_TIMELINE, addressError=3),
        "2026-05-04": _day("2026-05-04", ERRORS_TIMELINE, paymentError=1, addressError=2),
    }

    def performance(slug: str, name: str, views: int = 1, purchases: int = 0) -> Json:
        return {
            "slug": slug,
            "name": name,
            "views": views,
            "addToCart": 0,
            "purchases": purchases,
            "purchasesUnits": None,
            "conversionRate": 0.0,
        }

    assert answer == {
        "id": 'DashboardStats({"mode":"TOTAL","timezone":"UTC"})',
        "mode": "TOTAL",
        "windowStart": "2026-04-27T12:00:00.123+00:00",
        "windowEnd": "2026-05-04T12:00:00.123+00:00",
        # Purchases: 100 of `_nasty_prices`, 46 of `_nasty_quantities`, 6 of persons and buyers.
        "totalSales": 152,
        # 17.170004 + 52 units at 1000.
        "totalRevenue": 52017.17,
        "averageOrderValue": 342.22,  # 342.218...
        "topProducts": [{"slug": "priced", "count": 100}, {"slug": "counted", "count": 52}],
        "topViewedProducts": [
            {"slug": "evented", "count": 5},
            {"slug": "arrayed", "count": 1},
            {"slug": "bare", "count": 1},
            {"slug": "catalogued", "count": 1},
            {"slug": "doubled", "count": 1},
        ],
        "salesByDay": [{"date": "2026-05-04", "count": 152}],
        "abandonmentRate": 40.0,  # p1 and p3 of five persons
        "eventCounts": {"productView": 17, "addToCart": 0, "beginCheckout": 8, "purchase": 152},
        "conversionRates": {
            "visitToCart": 0.0,
            "cartToCheckout": 0.0,
            "checkoutToPurchase": 1900.0,
        },
        "checkoutStartedCount": 0,
        "paymentInfoEnteredCount": 0,
        "orderCompletedCount": 0,
        "conversionCheckoutToPayment": 0.0,
        "conversionPaymentToOrder": 0.0,
        "errorCounts": {"paymentError": 1, "checkoutError": 0, "paymentConfirmationError": 0},
        "productPerformance": [
            performance("evented", "Newest", views=5),
            performance("arrayed", "arrayed"),
            performance("bare", "bare"),
            performance("catalogued", "Of the catalogue"),
            performance("doubled", "Lowest"),
            performance("nameless", "From the event"),
            performance("scrolled", "Any type"),
            performance("counted", "counted", views=0, purchases=52),
            performance("priced", "priced", views=0, purchases=100),
        ],
        # Sessions: 8 of persons, 10 of sources, 1 of types, 12 of clicks. 65 events have a session.
        "sessionStats": {
            "uniqueSessions": 31,
            "avgEventsPerSession": 2.1,
            "sessionsWithPurchase": 6,
        },
        # "old" and "p2" of four buyers; "older" and "q1" have one purchase each.
        "retentionMetrics": {
            "repurchaseRate": 50.0,
            "recurrentCustomers": 2,
            "totalUniqueBuyers": 4,
            "periodDays": 90,
        },
        "trafficSources": [
            {"source": "direct", "sessions": 23},
            {"source": "google", "sessions": 2},
            {"source": "Direct", "sessions": 1},
            {"source": "direct ", "sessions": 1},
            {"source": "instagram", "sessions": 1},
            {"source": "unknown", "sessions": 1},
            {"source": "\uff9e", "sessions": 1},
            {"source": "😀", "sessions": 1},
        ],
        "whatsappSessions": 12,
        "whatsappPurchases": 2,
        "whatsappSessionsList": ["w1", "a", "\uff9e", "😀", "w5", "w6", "w7", "w8", "w9", "w10"],
    }


def test_the_hand_written_documents_in_unique_mode() -> None:
    total, unique = (_ask(nasty_behaviour(), mode) for mode in ("TOTAL", "UNIQUE"))
    assert unique == {
        **total,
        "id": 'DashboardStats({"mode":"UNIQUE","timezone":"UTC"})',
        "mode": "UNIQUE",
        # No view has a session. The sessions n1 and p2 to p5 begin a checkout.
        "eventCounts": {"productView": 0, "addToCart": 0, "beginCheckout": 5, "purchase": 6},
        "conversionRates": {"visitToCart": 0.0, "cartToCheckout": 0.0, "checkoutToPurchase": 120.0},
        "topViewedProducts": [],
        "productPerformance": [
            {
                **row,
                "views": 0,
                "purchases": 0,
                "purchasesUnits": {"counted": 52, "priced": 100}.get(row["slug"], 0),
            }
            for row in sorted(total["productPerformance"], key=lambda row: row["slug"])
        ],
    }


def test_the_hand_written_errors_by_local_dates_of_bogota() -> None:
    # Bogotá is five hours behind UTC: the two errors of 1 May 00:00 UTC are on 30 April there.
    lines = _ask(nasty_behaviour(), timezone="America/Bogota")["errorsTimeline"]
    assert [(line["date"][-5:], line["addressError"]) for line in lines] == [
        *[("04-27", 2), ("04-28", 0), ("04-29", 0), ("04-30", 2)],
        *[("05-01", 1), ("05-02", 0), ("05-03", 0), ("05-04", 2)],
    ]


def test_the_hand_written_documents_answer_the_same_when_read_back() -> None:
    for mode in ("TOTAL", "UNIQUE"):
        assert _ask(_through_bson(nasty_behaviour()), mode) == _ask(nasty_behaviour(), mode)


# ---------------------------------------------------------------- single values


@pytest.mark.parametrize(
    ("value", "price"),
    [
        *[(120, "120"), ("120", "120"), ("99.90", "99.9"), ("1e3", "1000"), ("+5", "5")],
        *[(".5", "0.5"), ("5.", "5"), ("-3", "-3"), ("1E-2", "0.01"), (Int64(7), "7")],
        *[(0.1 + 0.2, "0.3"), (1.005, "1.005"), (Decimal128("12.34"), "12.34")],
        # Six places, half to even.
        *[("0.0000005", "0"), ("0.0000015", "0.000002"), ("0.0000025", "0.000002")],
        *[("0.00000051", "0.000001"), (0.0000015, "0.000002"), ("-0.0000015", "-0.000002")],
        *[("1.00000049999", "1"), (Decimal128("0.0000005"), "0"), ("1e-400", "0")],
        # 1e12 and more is invalid; this is checked before rounding.
        *[("999999999999.9999999", "1000000000000"), ("1e12", "0"), ("-1e12", "0"), (1e12, "0")],
        *[("0.1e13", "0"), ("0.01e13", "100000000000"), ("1" + "0" * 11, "100000000000")],
        *[("1e400", "0"), ("1e999999999999999999999", "0"), ("0e999999999999999999999", "0")],
        *[(10**12 - 1, "999999999999"), (Decimal128("1E+12"), "0"), (Int64(2**63 - 1), "0")],
        *[(text, "0") for text in ("", " 12", "12 ", "12\n", "1_000", "１２", "٣", "0x10", ".")],
        *[(text, "0") for text in ("NaN", "Infinity", "-inf", "abc", "1e", "e1", "--1", "1e1.5")],
        *[(value, "0") for value in (None, True, [120], {"a": 1}, NOW, Code("120"))],
        *[(float(text), "0") for text in ("nan", "inf", "-inf")],
        *[(Decimal128(text), "0") for text in ("NaN", "sNaN", "Infinity", "-Infinity")],
    ],
)
def test_a_price_is_a_finite_number_or_an_ascii_numeric_text(value: object, price: str) -> None:
    assert price_of(value) == Fraction(price)


@pytest.mark.parametrize(
    ("value", "quantity"),
    [
        *[(3, 3), (2.7, 2), (-2.7, -2), (0, 0), (0.9, 0), (-0.9, 0), (Int64(4), 4)],
        *[(Decimal128("2.9"), 2), (Decimal128("-0"), 0), (10**12 - 1, 10**12 - 1)],
        *[(1e12, 1), (-1e12, 1), (Decimal128("1E+6000"), 1), (Decimal128("sNaN"), 1)],
        *[(float("nan"), 1), (float("-inf"), 1), ("3", 1), (True, 1), (None, 1), ([3], 1)],
    ],
)
def test_a_quantity_is_one_unless_it_is_a_number(value: object, quantity: int) -> None:
    assert quantity_of(value) == quantity


# ---------------------------------------------------------------- windows and days


def test_both_ends_of_a_window_are_included() -> None:
    def buy(created_at: object, user: str) -> Json:
        return {"event_type": "purchase", "created_at": created_at, "user_id": user}

    answer = _ask(
        _data(
            buy(NOW, "a"),
            buy(NOW - WEEK, "a"),
            buy(NOW + MILLISECOND, "future"),
            buy(NOW - WEEK - MILLISECOND, "b"),
            buy(NOW - QUARTER, "c"),
            buy(NOW - QUARTER - MILLISECOND, "too old"),
            buy(DatetimeMS(int((NOW - DAY).timestamp()) * 1000), "d"),
            buy([NOW - DAY], "an array"),
        )
    )
    assert answer["totalSales"] == 3
    assert answer["retentionMetrics"]["totalUniqueBuyers"] == 4
    assert answer["retentionMetrics"]["repurchaseRate"] == 25.0
    assert _sales(answer) == {"2026-04-27": 1, "2026-05-03": 1, "2026-05-04": 1}


@pytest.mark.parametrize(
    ("zone", "now", "first", "last", "count"),
    [
        ("UTC", "2026-05-04T12:00", "2026-04-27", "2026-05-04", 8),
        # From midnight to midnight: only one millisecond of the last day is in the window.
        ("UTC", "2026-05-04T00:00", "2026-04-27", "2026-05-04", 8),
        ("UTC", "2026-05-03T23:59:59.999", "2026-04-26", "2026-05-03", 8),
        ("Pacific/Kiritimati", "2026-05-04T10:00", "2026-04-28", "2026-05-05", 8),
        ("Asia/Kathmandu", "2026-05-04T18:14:59.999", "2026-04-27", "2026-05-04", 8),
        ("Asia/Kathmandu", "2026-05-04T18:15", "2026-04-28", "2026-05-05", 8),
        # From 23:30 to 00:30; the clock shows a week and an hour: nine dates.
        ("America/Sao_Paulo", "2018-11-08T02:30", "2018-10-31", "2018-11-08", 9),
        # From 00:30 to 23:30: seven dates.
        ("America/Sao_Paulo", "2018-02-19T02:30", "2018-02-12", "2018-02-18", 7),
        ("Europe/Berlin", "2026-03-31T22:30", "2026-03-24", "2026-04-01", 9),
        ("Europe/Berlin", "2025-10-28T22:30", "2025-10-22", "2025-10-28", 7),
        # Changes by half an hour: from 23:45 to 00:15, and from 00:15 to 23:45.
        ("Australia/Lord_Howe", "2025-10-07T13:15", "2025-09-30", "2025-10-08", 9),
        ("Australia/Lord_Howe", "2026-04-08T13:15", "2026-04-02", "2026-04-08", 7),
        # The zone skipped 30 December: eight dates from 24 December to 1 January, not nine.
        ("Pacific/Apia", "2012-01-01T09:30", "2011-12-24", "2012-01-01", 8),
        # The last date of the window lasts one minute, then the clocks go back.
        ("America/St_Johns", "2010-11-07T02:30:30", "2010-10-31", "2010-11-07", 8),
        # Half a minute later it is the previous date again; the window still has the date.
        ("America/St_Johns", "2010-11-07T02:31", "2010-10-31", "2010-11-07", 8),
        # The window starts in that minute, then comes the previous date.
        ("America/St_Johns", "2010-11-14T02:30:30", "2010-11-06", "2010-11-13", 8),
        # The window starts just after that minute.
        ("America/St_Johns", "2010-11-14T02:31", "2010-11-06", "2010-11-13", 8),
    ],
)
def test_a_timeline_has_the_dates_that_the_zone_had_in_the_window(
    zone: str, now: str, first: str, last: str, count: int
) -> None:
    dates = _dates(_ask({}, timezone=zone, now=_utc(now)))
    assert (dates[0], dates[-1], len(dates)) == (first, last, count)
    assert dates == sorted(set(dates))


@pytest.mark.parametrize(
    ("zone", "now", "dates"),
    [
        # 00:00 became 01:00.
        (
            "America/Sao_Paulo",
            "2018-11-07T12:00",
            {
                "2018-11-04T02:59:59.999": "2018-11-03",
                "2018-11-04T03:00": "2018-11-04",
                "2018-11-05T01:59:59.999": "2018-11-04",
                "2018-11-05T02:00": "2018-11-05",
            },
        ),
        # 24:00 became 23:00: 17 February had 25 hours.
        (
            "America/Sao_Paulo",
            "2018-02-20T12:00",
            {
                "2018-02-17T01:59:59.999": "2018-02-16",
                "2018-02-17T02:00": "2018-02-17",
                "2018-02-18T02:00": "2018-02-17",
                "2018-02-18T02:59:59.999": "2018-02-17",
                "2018-02-18T03:00": "2018-02-18",
            },
        ),
        # 01:00 became 00:00: midnight came twice, on one date.
        (
            "America/Havana",
            "2025-11-04T12:00",
            {"2025-11-02T03:59:59.999": "2025-11-01", "2025-11-02T05:00": "2025-11-02"},
        ),
        # The zone skipped 30 December.
        (
            "Pacific/Apia",
            "2012-01-02T12:00",
            {"2011-12-30T09:59:59.999": "2011-12-29", "2011-12-30T10:00": "2011-12-31"},
        ),
        # 23:30 became 00:00.
        (
            "Asia/Pyongyang",
            "2018-05-07T12:00",
            {"2018-05-04T14:59:59.999": "2018-05-04", "2018-05-04T15:00": "2018-05-05"},
        ),
        # 00:01 became 23:01: the 7th lasted one minute, and came again an hour later.
        (
            "America/St_Johns",
            "2010-11-09T12:00",
            {
                "2010-11-07T02:29:59.999": "2010-11-06",
                "2010-11-07T02:30": "2010-11-07",
                "2010-11-07T02:30:59.999": "2010-11-07",
                "2010-11-07T02:31": "2010-11-06",
                "2010-11-07T03:29:59.999": "2010-11-06",
                "2010-11-07T03:30": "2010-11-07",
            },
        ),
    ],
)
def test_an_event_counts_on_the_local_date_of_its_own_time(
    zone: str, now: str, dates: dict[str, str]
) -> None:
    for time, day in dates.items():
        data = _data({"event_type": "purchase", "created_at": _utc(time)})
        assert _sales(_ask(data, timezone=zone, now=_utc(now))) == {day: 1}


def test_a_skipped_date_has_no_entry() -> None:
    dates = _dates(_ask({}, timezone="Pacific/Apia", now=_utc("2012-01-02T12:00")))
    assert [day[-5:] for day in dates] == [
        *["12-26", "12-27", "12-28", "12-29", "12-31"],
        *["01-01", "01-02", "01-03"],
    ]


def test_windows_around_clock_changes_have_seven_eight_and_nine_dates() -> None:
    seen: dict[int, set[str]] = {}
    for zone, now in NOWS_AROUND_CHANGES:
        seen.setdefault(len(local_dates(now - WEEK, now, zone)), set()).add(zone)
    assert set(seen) == {7, 8, 9}
    assert {"America/Sao_Paulo", "Europe/Berlin", "Australia/Lord_Howe"} <= seen[7] & seen[9]
    assert {zone for zone, _ in ZONED_NOWS} >= set(ZONES)


# ---------------------------------------------------------------- persons, sessions, sources


def test_a_person_is_the_user_or_without_one_the_session() -> None:
    def begin(**person: Any) -> Json:
        return {"event_type": "begin_checkout", **person}

    def buy(**person: Any) -> Json:
        return {"event_type": "purchase", **person}

    def rate(*events: Json) -> float:
        value = _ask(_data(*events))["abandonmentRate"]
        assert isinstance(value, float)
        return value

    assert rate(begin(), buy()) == 0.0
    assert rate(begin(user_id="u", session_id="s"), buy(session_id="s")) == 100.0
    assert rate(begin(user_id="u", session_id="s"), buy(user_id="u")) == 0.0
    assert rate(begin(session_id="x"), buy(user_id="x")) == 0.0
    # Events with neither a user nor a session count for no person.
    assert rate(begin(session_id="x"), begin(), buy()) == 100.0
    # The purchase may be earlier than the begin of the checkout.
    early, late = NOW - 2 * HOUR, NOW - HOUR
    for first, second in ((early, late), (late, early)):
        assert rate(begin(user_id="u", created_at=first), buy(user_id="u", created_at=second)) == 0
    # A purchase before the window does not count.
    assert rate(begin(user_id="u"), buy(user_id="u", created_at=NOW - 8 * DAY)) == 100.0
    assert rate(*(begin(user_id=str(n)) for n in range(3)), buy(user_id="1")) == 66.7


def test_an_event_without_a_session_counts_in_total_mode_only() -> None:
    events = [{"event_type": "product_view", "product_slug": "p"} for _ in range(3)]
    data = _data(*events, {**events[0], "session_id": "s"})
    total, unique = _ask(data), _ask(data, "UNIQUE")
    assert total["eventCounts"]["productView"] == 4
    assert unique["eventCounts"]["productView"] == 1
    assert total["topViewedProducts"] == [{"slug": "p", "count": 4}]
    assert unique["topViewedProducts"] == [{"slug": "p", "count": 1}]
    assert total["sessionStats"] == {
        "uniqueSessions": 1,
        "avgEventsPerSession": 1.0,
        "sessionsWithPurchase": 0,
    }


def test_a_session_counts_under_its_last_non_direct_source() -> None:
    def seen(session: str, ago: int, source: object) -> Json:
        return {"session_id": session, "created_at": NOW - ago * MINUTE, "source": source}

    def sources(*events: Json) -> dict[str, int]:
        lines = _ask(_data(*events))["trafficSources"]
        return {line["source"]: line["sessions"] for line in lines}

    assert sources(seen("s", 3, "a"), seen("s", 2, "b"), seen("s", 1, "direct")) == {"b": 1}
    # Of two events of one time, the higher id counts, in any order of insertion.
    tied = _data(seen("s", 1, "a"), seen("s", 1, "b"))
    assert _ask(tied)["trafficSources"] == [{"source": "b", "sessions": 1}]
    tied["analytics_events"][0]["_id"] = oid(9)
    assert _ask(tied)["trafficSources"] == [{"source": "a", "sessions": 1}]
    # A number sorts before any ObjectId.
    tied["analytics_events"][0]["_id"] = 10**9
    assert _ask(tied)["trafficSources"] == [{"source": "b", "sessions": 1}]
    assert sources(seen("s", 1, None), seen("t", 1, "direct"), seen("u", 1, "Direct")) == {
        "direct": 2,
        "Direct": 1,
    }


def test_the_list_of_sessions_is_ordered_by_the_last_click() -> None:
    def click(session: str, ago: int) -> Json:
        return {
            "event_type": "whatsapp_cart_click",
            "session_id": session,
            "created_at": NOW - ago * MINUTE,
        }

    data = _data(click("b", 5), click("a", 5), click("c", 9), click("c", 1), click("d", 6))
    assert _ask(data)["whatsappSessionsList"] == ["c", "a", "b", "d"]
    many = _data(*(click(f"{n:02}", n) for n in range(12)))
    assert _ask(many)["whatsappSessionsList"] == [f"{n:02}" for n in range(10)]
    assert _ask(many)["whatsappSessions"] == 12


# ---------------------------------------------------------------- products


def test_a_name_is_from_the_catalogue_or_the_newest_event_or_the_slug() -> None:
    def viewed(name: object = None, **fields: Any) -> Json:
        return {"event_type": "product_view", "product_slug": "p", "product_name": name, **fields}

    def name(*events: Json, products: Sequence[Json] = ()) -> str:
        (row,) = _ask(_data(*events, products=products))["productPerformance"]
        assert isinstance(row["name"], str)
        return row["name"]

    newer, older = viewed("newer"), viewed("older", created_at=NOW - DAY)
    assert name(newer, older) == name(older, newer) == "newer"
    assert name(viewed("low"), viewed("high")) == "high"
    assert name(viewed(), viewed("", created_at=NOW)) == "p"
    assert name(viewed(), {"product_slug": "p", "product_name": "of no type"}) == "of no type"
    assert name(viewed(), viewed("too old", created_at=NOW - WEEK - MILLISECOND)) == "p"
    first: Json = {"_id": 1, "slug": "p", "name": "first", "is_active": False}
    second: Json = {"_id": oid(1), "slug": "p", "name": "second", "is_active": True}
    assert name(newer, products=[second, first]) == "first"
    # Only the product with the lowest id is read, even without a name.
    assert name(newer, products=[second, {**first, "name": ""}]) == "newer"
    assert name(viewed(), products=[second, {"_id": 1, "slug": "p"}]) == "p"
    assert name(newer, products=[{**first, "slug": ["p"]}, {**first, "slug": "P"}]) == "newer"


def test_products_are_ordered_by_their_counts_then_by_code_point() -> None:
    def bought(slug: str, quantity: int) -> Json:
        return {
            "event_type": "purchase",
            "product_slug": slug,
            "metadata": {"quantity": quantity},
        }

    data = _data(
        *(bought(slug, 2) for slug in ("😀", "\uff9e", "é", "a", "Z")),
        *(bought("none", quantity) for quantity in (1, -1)),
        bought("back", -3),
        bought("back too", 0),
    )
    top = _ask(data)["topProducts"]
    assert [line["slug"] for line in top] == ["Z", "a", "é", "\uff9e", "😀"]
    # A product with no units, or fewer, is still in the performance.
    rows = {row["slug"]: row for row in _ask(data)["productPerformance"]}
    assert [row["slug"] for row in rows.values()] == [
        *["Z", "a", "back", "back too", "none", "é", "\uff9e", "😀"]
    ]
    assert rows["back"]["purchases"] == -3
    assert [line["slug"] for line in _ask(_data(bought("none", 0)))["topProducts"]] == []


def test_a_count_beyond_int_is_clamped_but_ordered_by_its_real_value() -> None:
    def bought(slug: str, quantity: int) -> Json:
        return {"event_type": "purchase", "product_slug": slug, "metadata": {"quantity": quantity}}

    data = _data(
        {"event_type": "product_view", "product_slug": "a"},
        bought("a", 2**31),
        bought("b", 10**12 - 1),
        bought("c", -(2**31) - 1),
    )
    answer = _ask(data)
    most = 2**31 - 1
    assert answer["topProducts"] == [{"slug": "b", "count": most}, {"slug": "a", "count": most}]
    assert [row["purchases"] for row in answer["productPerformance"]] == [most, most, -(2**31)]
    # The rate uses the real count, not the clamped one.
    assert answer["productPerformance"][0]["conversionRate"] == 2**31 * 100.0


def test_the_performance_of_a_product_in_both_modes() -> None:
    def did(event_type: str, session: str | None, **fields: Any) -> Json:
        return {"event_type": event_type, "session_id": session, "product_slug": "p", **fields}

    data = _data(
        *(did("product_view", session) for session in ("s", "s", "s", "t", "t", "u", None, None)),
        *(did("add_to_cart", session) for session in ("s", "s", None)),
        did("purchase", "s", metadata={"quantity": 4}),
        did("purchase", "s"),
        did("purchase", None, metadata={"quantity": 2}),
    )
    row = {"slug": "p", "name": "p"}
    assert _ask(data)["productPerformance"] == [
        {
            **row,
            "views": 8,
            "addToCart": 3,
            "purchases": 7,
            "purchasesUnits": None,
            "conversionRate": 87.5,
        }
    ]
    assert _ask(data, "UNIQUE")["productPerformance"] == [
        {
            **row,
            "views": 3,
            "addToCart": 1,
            "purchases": 1,
            "purchasesUnits": 7,
            "conversionRate": 33.3,
        }
    ]


# ---------------------------------------------------------------- rates and rounding


def test_conversion_rates_depend_on_the_mode_and_checkout_rates_do_not() -> None:
    def did(event_type: str, *sessions: str | None) -> list[Json]:
        return [{"event_type": event_type, "session_id": session} for session in sessions]

    data = _data(
        *did("product_view", *"aaaabbcd"),
        *did("add_to_cart", *"aab"),
        *did("begin_checkout", *"aaaa"),
        *did("purchase", *"aab"),
        *did("checkout_started", *"aaabbbcc"),
        *did("payment_info_entered", *"aab"),
        *did("order_completed", *"ab"),
    )
    total, unique = _ask(data), _ask(data, "UNIQUE")
    assert total["conversionRates"] == {
        "visitToCart": 37.5,  # 3 / 8
        "cartToCheckout": 133.3,  # 4 / 3
        "checkoutToPurchase": 75.0,  # 3 / 4
    }
    assert unique["conversionRates"] == {
        "visitToCart": 50.0,  # 2 / 4
        "cartToCheckout": 50.0,  # 1 / 2
        "checkoutToPurchase": 200.0,  # 2 / 1
    }
    for answer in (total, unique):
        assert answer["conversionCheckoutToPayment"] == 37.5
        assert answer["conversionPaymentToOrder"] == 66.7
        assert answer["checkoutStartedCount"] == 8


@pytest.mark.parametrize(
    ("prices", "revenue", "average"),
    [
        (["0.125"], 0.12, 0.12),
        (["0.135"], 0.14, 0.14),
        (["-0.125"], -0.12, -0.12),
        (["0.01", "0"], 0.01, 0.0),  # 0.005
        (["0.03", "0"], 0.03, 0.02),  # 0.015
        (["1", "1", "0"], 2.0, 0.67),
        # Two half cents are a cent: only the sum is rounded.
        (["0.005", 0.005], 0.01, 0.0),
        # Prices are rounded to six places: the first is above half a cent, the others are not.
        (["0.0050006"], 0.01, 0.01),
        (["0.0050000004"], 0.0, 0.0),
        (["0.0050000004"] * 2, 0.01, 0.0),
        ([0.1] * 3, 0.3, 0.1),
        ([10**12 - 1] * 2, 1999999999998.0, 999999999999.0),
    ],
)
def test_money_is_rounded_once_half_to_even(
    prices: list[object], revenue: float, average: float
) -> None:
    answer = _ask(_data(*({"event_type": "purchase", "price": price} for price in prices)))
    assert (answer["totalRevenue"], answer["averageOrderValue"]) == (revenue, average)


@pytest.mark.parametrize(
    ("parts", "whole", "percentage"), [(1, 16, 6.2), (3, 16, 18.8), (1, 3, 33.3), (2, 3, 66.7)]
)
def test_percentages_are_rounded_half_to_even(parts: int, whole: int, percentage: float) -> None:
    data = _data(
        *[{"event_type": "checkout_started"}] * whole,
        *[{"event_type": "payment_info_entered"}] * parts,
    )
    assert _ask(data)["conversionCheckoutToPayment"] == percentage


@pytest.mark.parametrize(("events", "average"), [(5, 1.2), (7, 1.8), (4, 1.0)])
def test_the_average_of_events_per_session_is_rounded_half_to_even(
    events: int, average: float
) -> None:
    sessions = ["a", "b", "c", *["d"] * (events - 3)]
    data = _data(*({"session_id": session} for session in sessions), {"event_type": "purchase"})
    assert _ask(data)["sessionStats"] == {
        "uniqueSessions": 4,
        "avgEventsPerSession": average,
        "sessionsWithPurchase": 0,
    }


# ---------------------------------------------------------------- random data


def _through_bson(data: Dataset) -> Dataset:
    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
    )
    return {
        name: [bson.decode(bson.encode(document), options) for document in documents]
        for name, documents in data.items()
    }


Behaviour = tuple[str, datetime, Dataset]


@briefly
@given(behaviours())
def test_a_timeline_sums_to_its_totals(behaviour: Behaviour) -> None:
    zone, now, data = behaviour
    answer = _ask(data, timezone=zone, now=now)
    sums = {column: sum(line[column] for line in answer["eventsTimeline"]) for column in TIMELINE}
    totals = {column: answer["eventCounts"][column] for column in FUNNEL}
    totals |= {column: answer[f"{column}Count"] for column in CHECKOUT}
    assert sums == totals
    assert answer["totalSales"] == sums["purchase"] == sum(_sales(answer).values())
    for column in ERRORS:
        errors = sum(line[column] for line in answer["errorsTimeline"])
        assert errors == answer["errorCounts"][column]
    dates = _dates(answer)
    assert [line["date"] for line in answer["errorsTimeline"]] == dates == sorted(set(dates))
    assert list(_sales(answer)) == sorted(set(dates) & set(_sales(answer)))
    assert answer["windowEnd"] == now.isoformat(timespec="milliseconds")
    ends = {end.astimezone(ZoneInfo(zone)).date() for end in (now, now - WEEK)}
    assert ends <= {date.fromisoformat(day) for day in dates}


@briefly
@given(behaviours())
def test_each_session_has_one_source(behaviour: Behaviour) -> None:
    zone, now, data = behaviour
    answer = _ask(data, timezone=zone, now=now)
    stats, lines = answer["sessionStats"], answer["trafficSources"]
    assert sum(line["sessions"] for line in lines) == stats["uniqueSessions"]
    order = [(-line["sessions"], line["source"]) for line in lines]
    assert order == sorted(set(order))
    assert stats["sessionsWithPurchase"] <= stats["uniqueSessions"]
    assert (stats["avgEventsPerSession"] >= 1) == (stats["uniqueSessions"] > 0)
    assert answer["whatsappSessions"] <= stats["uniqueSessions"]
    clickers = answer["whatsappSessionsList"]
    assert len(set(clickers)) == len(clickers) == min(10, answer["whatsappSessions"])


@briefly
@given(behaviours())
def test_unique_mode_changes_four_fields_and_counts_no_more_than_total(
    behaviour: Behaviour,
) -> None:
    zone, now, data = behaviour
    total, unique = (_ask(data, mode, zone, now) for mode in ("TOTAL", "UNIQUE"))
    follow = ("eventCounts", "conversionRates", "topViewedProducts", "productPerformance")
    assert {**total, **{name: unique[name] for name in (*follow, "id", "mode")}} == unique
    for column in FUNNEL:
        assert unique["eventCounts"][column] <= total["eventCounts"][column]
    assert unique["eventCounts"]["purchase"] == unique["sessionStats"]["sessionsWithPurchase"]
    rows = {row["slug"]: row for row in total["productPerformance"]}
    for row in unique["productPerformance"]:
        if (other := rows.get(row["slug"])) is not None:
            assert row["views"] <= other["views"]
            assert row["addToCart"] <= other["addToCart"]
            assert row["purchasesUnits"] == other["purchases"]
            assert row["name"] == other["name"]
    views = {line["slug"]: line["count"] for line in total["topViewedProducts"]}
    for line in unique["topViewedProducts"]:
        assert line["count"] <= views.get(line["slug"], line["count"])


@briefly
@given(behaviours())
def test_the_lists_of_products_are_ordered_and_consistent(behaviour: Behaviour) -> None:
    zone, now, data = behaviour
    for mode in ("TOTAL", "UNIQUE"):
        answer = _ask(data, mode, zone, now)
        for name in ("topProducts", "topViewedProducts"):
            order = [(-line["count"], line["slug"]) for line in answer[name]]
            assert len(order) <= 5
            assert all(count < 0 for count, _ in order)
            if -(2**31) + 1 not in {count for count, _ in order}:
                assert order == sorted(set(order))
        rows = answer["productPerformance"]
        order = [(-row["views"], row["slug"]) for row in rows]
        assert order == sorted(set(order))
        assert len(order) <= 10
        viewed = [(row["slug"], row["views"]) for row in rows if row["views"] > 0]
        assert viewed[:5] == [(line["slug"], line["count"]) for line in answer["topViewedProducts"]]
        assert all(row["name"] and row["slug"] for row in rows)
        assert all((row["purchasesUnits"] is None) == (mode == "TOTAL") for row in rows)


@briefly
@given(behaviours(), st.randoms(use_true_random=False))
def test_the_order_of_insertion_changes_nothing(behaviour: Behaviour, random: Any) -> None:
    zone, now, data = behaviour
    shuffled = {name: random.sample(documents, len(documents)) for name, documents in data.items()}
    for mode in ("TOTAL", "UNIQUE"):
        assert _ask(shuffled, mode, zone, now) == _ask(data, mode, zone, now)


@briefly
@given(behaviours())
def test_the_zone_changes_only_daily_fields(behaviour: Behaviour) -> None:
    zone, now, data = behaviour
    daily = ("salesByDay", "eventsTimeline", "errorsTimeline")
    here, there = (_ask(data, timezone=each, now=now) for each in (zone, "UTC"))
    assert {**there, **{name: here[name] for name in (*daily, "id")}} == here


@briefly
@given(behaviours())
def test_events_outside_every_window_change_nothing(behaviour: Behaviour) -> None:
    zone, now, data = behaviour
    outside = [
        {
            "_id": oid(0xF0000 + number),
            "event_type": event_type,
            "session_id": "s1",
            "user_id": "u1",
            "product_slug": "cap",
            "product_name": "outside",
            "source": "outside",
            "created_at": created_at,
        }
        for number, (event_type, created_at) in enumerate(
            (event_type, created_at)
            for event_type in EVENT_TYPES
            for created_at in (now + MILLISECOND, now - QUARTER - MILLISECOND, None, [now])
        )
    ]
    more = {**data, "analytics_events": [*data["analytics_events"], *outside]}
    assert _ask(more, timezone=zone, now=now) == _ask(data, timezone=zone, now=now)


@briefly
@given(behaviours())
def test_random_documents_can_be_stored_and_answer_the_same_when_read_back(
    behaviour: Behaviour,
) -> None:
    zone, now, data = behaviour
    for documents in data.values():
        assert len({str(document["_id"]) for document in documents}) == len(documents)
        for document in documents:
            # MongoDB rejects a document with arrays in two fields of one compound index.
            assert sum(_holds_array(value) for value in document.values()) <= 1
    stored = _through_bson(data)
    assert _ask(stored, timezone=zone, now=now) == _ask(data, timezone=zone, now=now)


def _holds_array(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_array(item) for item in value.values())
    return isinstance(value, list)


def test_no_hand_written_document_has_two_arrays() -> None:
    for documents in nasty_behaviour().values():
        for document in documents:
            assert sum(_holds_array(value) for value in document.values()) <= 1
        assert len({document["_id"] for document in documents}) == len(documents)


@briefly
@given(behaviours())
def test_every_answer_is_json_with_numbers_in_range(behaviour: Behaviour) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)
        else:
            assert value is None or type(value) in {int, float, str}
            assert type(value) is not int or -(2**31) <= value < 2**31

    zone, now, data = behaviour
    for mode in ("TOTAL", "UNIQUE"):
        check(_ask(data, mode, zone, now))
