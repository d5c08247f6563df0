"""DashboardStats in mode TOTAL: what visitors did in a week (analytics-dashboard-stats)."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from functools import cached_property
from typing import Final, Self

from cubes.cube import Cells, Cube, Slice, by_cube
from cubes.declared.behaviour import (
    BEHAVIOUR,
    BUYERS,
    CLICKERS,
    PERSONS,
    PRODUCT_ACTIVITY,
    PRODUCT_EVENTS,
    PURCHASES,
    SESSIONS,
    SESSIONS_WITH,
    TRAFFIC,
)
from loaders.loader import Aggregations
from resolvers.breakdown import counts, largest_first
from resolvers.dashboard.products import (
    SHOWN,
    Leaders,
    ProductCount,
    ProductNumbers,
    ProductPerformance,
    by_product,
    names,
    ranked,
    top,
)
from resolvers.dashboard.values import (
    ConversionRates,
    CountMode,
    DayCount,
    ErrorCounts,
    ErrorsTimelineDay,
    EventsTimelineDay,
    FunnelCounts,
    RetentionMetrics,
    SessionStats,
    TrafficSource,
    row,
    types,
)
from resolvers.kpi import Failed, Kpi, Stats, kpi, loaded
from resolvers.period import RETENTION, WEEK, Period
from resolvers.rounding import count, percentage, ratio

LAST_CLICKERS: Final = 10

FUNNEL: Final = types(FunnelCounts)
_LISTS: Final = frozenset({"top_viewed_products", "product_performance"})


def _events(*event_types: str) -> Slice:
    return BEHAVIOUR.slice("event_type", measures=["events"]).only("event_type", event_types)


def _products(*event_types: str) -> Slice:
    events = PRODUCT_ACTIVITY.slice("event_type", "product", measures=["events"])
    return events.only("event_type", event_types)


def sessions_with(event_type: str) -> Slice:
    return SESSIONS_WITH[event_type].slice(measures=["sessions"])


def _occurrences(event_type: str) -> Kpi[int]:
    return Kpi(lambda stats, _: count(stats._totals[event_type]), _events(event_type))


def _conversion(part: str, whole: str) -> Kpi[float]:
    return Kpi(
        lambda stats, _: percentage(stats._totals[part], stats._totals[whole]),
        _events(part, whole),
    )


def _sessions(event_type: str) -> Kpi[int]:
    return Kpi(lambda _, cells: count(cells.sum("sessions")), sessions_with(event_type))


class DashboardStats(Stats):
    """KPIs of the week up to now; the funnel and products count events, purchases units."""

    mode = CountMode.TOTAL

    def __init__(
        self,
        cells: Mapping[Cube, Cells | BaseException],
        period: Period,
        leaders: Leaders | BaseException,
    ) -> None:
        super().__init__(cells)
        self.window_start, self.window_end = period.now - WEEK, period.now
        self._period = period
        self._leaders = loaded(leaders)

    @classmethod
    async def of(
        cls, period: Period, selected: Collection[str], aggregations: Aggregations
    ) -> Self:
        """Loads what the selected KPIs are folded from."""
        kpis = [found for name in selected if isinstance(found := getattr(cls, name, None), Kpi)]
        needs = by_cube(each for kpi in kpis for each in kpi.needs)
        if needs:
            period = await period.trusting(aggregations)
        loading = {
            cube: asyncio.create_task(period.cells(each, aggregations))
            for cube, each in needs.items()
        }

        async def lead() -> Leaders:
            if _LISTS.isdisjoint(selected):
                return Leaders({}, {})
            # Which products lead decides what else is asked, while the rest is being loaded.
            events = by_product(await loading[PRODUCT_ACTIVITY], "events")
            numbers = await cls._counted(events, period, aggregations)
            slugs = ranked(events, numbers)[:SHOWN] if "product_performance" in selected else []
            return Leaders(numbers, await names(slugs, aggregations, period.within))

        leading = asyncio.gather(lead(), return_exceptions=True)
        cells = await asyncio.gather(*loading.values(), return_exceptions=True)
        (leaders,) = await leading
        return cls(dict(zip(loading, cells, strict=True)), period, leaders)

    @classmethod
    async def _counted(
        cls, events: ProductNumbers, period: Period, aggregations: Aggregations
    ) -> ProductNumbers:
        """The numbers that products are ordered by."""
        return events

    @cached_property
    def _days(self) -> Mapping[date, Counter[str]]:
        """Local date → event type → events."""
        days = {day: Counter[str]() for day in self._period.days}
        for cell in self.read(BEHAVIOUR):
            days[cell["_id"]["day"]][cell["_id"]["event_type"]] += cell["events"]
        return days

    @cached_property
    def _totals(self) -> Counter[str]:
        """Event type → events."""
        return sum(self._days.values(), Counter())

    @property
    def _funnel(self) -> Mapping[str, int]:
        """Step to a purchase → how many took it."""
        return self._totals

    @property
    def _led(self) -> Leaders:
        return self._leaders.again() if isinstance(self._leaders, Failed) else self._leaders

    total_sales: Final = _occurrences("purchase")
    checkout_started_count: Final = _occurrences("checkout_started")
    payment_info_entered_count: Final = _occurrences("payment_info_entered")
    order_completed_count: Final = _occurrences("order_completed")
    conversion_checkout_to_payment: Final = _conversion("payment_info_entered", "checkout_started")
    conversion_payment_to_order: Final = _conversion("order_completed", "payment_info_entered")
    whatsapp_sessions: Final = _sessions("whatsapp_cart_click")
    whatsapp_purchases: Final = _sessions("whatsapp_purchase")

    @kpi(PURCHASES.slice(measures=["revenue"]))
    def total_revenue(self, purchases: Cells) -> float:
        return ratio(purchases.sum("revenue"), 1, places=2)

    @kpi(PURCHASES.slice(measures=["revenue", "purchases"]))
    def average_order_value(self, purchases: Cells) -> float:
        """totalRevenue / totalSales, at 2 places."""
        return ratio(purchases.sum("revenue"), purchases.sum("purchases"), places=2)

    @kpi(PURCHASES.slice("product", measures=["units"]))
    def top_products(self, purchases: Cells) -> list[ProductCount]:
        return top(by_product(purchases, "units")["purchase"])

    @kpi(_events("purchase"))
    def sales_by_day(self, _: Cells) -> list[DayCount]:
        sales = ((day, events["purchase"]) for day, events in self._days.items())
        return [DayCount(day, count(number)) for day, number in sales if number]

    @kpi(_events(*types(EventsTimelineDay)))
    def events_timeline(self, _: Cells) -> list[EventsTimelineDay]:
        return [row(EventsTimelineDay, line, date=day) for day, line in self._days.items()]

    @kpi(_events(*types(ErrorsTimelineDay)))
    def errors_timeline(self, _: Cells) -> list[ErrorsTimelineDay]:
        return [row(ErrorsTimelineDay, line, date=day) for day, line in self._days.items()]

    @kpi(_events(*types(ErrorCounts)))
    def error_counts(self, _: Cells) -> ErrorCounts:
        return row(ErrorCounts, self._totals)

    @kpi(PERSONS.slice("began", "bought", measures=["persons"]))
    def abandonment_rate(self, persons: Cells) -> float:
        """Of those that began a checkout, those that did not buy; the order does not matter."""
        lost = persons.sum("persons", began={True}, bought={False})
        return percentage(lost, persons.sum("persons", began={True}))

    @kpi(SESSIONS.slice(measures=["sessions", "events"]), sessions_with("purchase"))
    def session_stats(self, sessions: Cells, buying: Cells) -> SessionStats:
        number = sessions.sum("sessions")
        return SessionStats(
            unique_sessions=count(number),
            avg_events_per_session=ratio(sessions.sum("events"), number, places=1),
            sessions_with_purchase=count(buying.sum("sessions")),
        )

    @kpi(BUYERS.slice("recurrent", measures=["buyers"]))
    def retention_metrics(self, buyers: Cells) -> RetentionMetrics:
        recurrent, number = buyers.sum("buyers", recurrent={True}), buyers.sum("buyers")
        return RetentionMetrics(
            repurchase_rate=percentage(recurrent, number),
            recurrent_customers=count(recurrent),
            total_unique_buyers=count(number),
            period_days=RETENTION.days,
        )

    @kpi(SESSIONS.slice(measures=["sessions"]), TRAFFIC.slice("source", measures=["sessions"]))
    def traffic_sources(self, sessions: Cells, traffic: Cells) -> list[TrafficSource]:
        """By the last source other than direct; what is left of the sessions is direct."""
        sources = counts(traffic, "source", "sessions")
        direct = sessions.sum("sessions") - sum(number for _, number in sources)
        if direct > 0:
            sources.append(("direct", direct))
        return [TrafficSource(name, count(number)) for name, number in largest_first(sources)]

    @kpi(CLICKERS.slice("session", measures=["sessions"]).largest("last", LAST_CLICKERS))
    def whatsapp_sessions_list(self, clickers: Cells) -> list[str]:
        return [cell["_id"]["session"] for cell in clickers]

    @kpi(_events(*FUNNEL))
    def event_counts(self, *_: Cells) -> FunnelCounts:
        return row(FunnelCounts, self._funnel)

    @kpi(_events(*FUNNEL))
    def conversion_rates(self, *_: Cells) -> ConversionRates:
        view, cart, checkout, purchase = (self._funnel[step] for step in FUNNEL)
        return ConversionRates(
            visit_to_cart=percentage(cart, view),
            cart_to_checkout=percentage(checkout, cart),
            checkout_to_purchase=percentage(purchase, checkout),
        )

    @kpi(_products("product_view"))
    def top_viewed_products(self, _: Cells) -> list[ProductCount]:
        return top(self._led.numbers["product_view"])

    @kpi(_products(*PRODUCT_EVENTS), PURCHASES.slice("product", measures=["units"]))
    def product_performance(self, _: Cells, purchases: Cells) -> list[ProductPerformance]:
        return self._led.rows(by_product(purchases, "units")["purchase"])
