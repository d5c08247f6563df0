"""`dashboardStats` in mode TOTAL: what visitors of the shop did in a week."""

import asyncio
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from datetime import date
from typing import Final, Self

from cubes.cells import TIME, Cells
from cubes.declared.behaviour import (
    BUYERS,
    CLICKERS,
    PERSONS,
    PRODUCT_ACTIVITY,
    PRODUCT_EVENTS,
    PURCHASES,
    SESSIONS,
    TRAFFIC,
)
from loaders.loader import Loader
from resolvers.breakdown import counts, largest_first
from resolvers.dashboard.products import (
    SHOWN,
    Leaders,
    ProductNumbers,
    by_product,
    names,
    numbers_by_product,
    ranked,
    top,
)
from resolvers.dashboard.terms import (
    FUNNEL,
    by_day,
    conversion_rates_of,
    event_counts_of,
    events,
    products,
    sessions_with,
)
from resolvers.dashboard.values import (
    CountMode,
    DayCount,
    ErrorCounts,
    ErrorsTimelineDay,
    EventsTimelineDay,
    ProductCount,
    ProductPerformance,
    RetentionMetrics,
    SessionStats,
    TrafficSource,
    event_types,
    row,
)
from resolvers.kpi.declarations import attribute, fold, kpi, parts
from resolvers.kpi.rounding import count, percentage
from resolvers.kpi.stats import Failed, Stats, kpis, loaded, slices_of
from resolvers.kpi.terms import total
from resolvers.kpi.units import COUNT, DATE_TIME, MONEY, PERCENTAGE, Unit
from resolvers.period import RETENTION, Period

_LISTS: Final = frozenset({"top_viewed_products", "product_performance"})
_MODE: Final = Unit[CountMode]("mode", CountMode)
_PURCHASES: Final = total(PURCHASES, "purchases")
_REVENUE_CENTS: Final = total(PURCHASES, "revenue") * 100
_BEGAN: Final = total(PERSONS, "persons", began=True)


_OCCURRENCES: Final = {step: events(step) for step in FUNNEL}


class DashboardStats(Stats):
    """What visitors of the shop did in a week.

    Money is in major units. The mode changes eventCounts, conversionRates, topViewedProducts and
    productPerformance; all other fields are the same in both modes.
    """

    mode = attribute(_MODE, "The mode of the request.")
    window_start = attribute(DATE_TIME, "The start of the window, inclusive.")
    window_end = attribute(DATE_TIME, "The end of the window, inclusive: the time of the request.")

    MODE = CountMode.TOTAL

    def __init__(
        self,
        cells: Mapping[Hashable, Cells | BaseException],
        period: Period,
        leaders: Leaders | BaseException,
    ) -> None:
        super().__init__(cells)
        self._mode = self.MODE
        self._window_start = period.day_windows[0].start
        self._window_end = period.now
        self._dates = period.dates
        self._leaders = loaded(leaders)

    @classmethod
    async def of(cls, period: Period, selected: Collection[str], loader: Loader) -> Self:
        """Loads what the selected KPIs are folded from."""
        slices = slices_of(kpis(cls, selected))
        if slices:
            period = await period.probed(loader)
        loading = {family: loader.load(period.in_window(one)) for family, one in slices.items()}

        async def lead() -> Leaders:
            if _LISTS.isdisjoint(selected):
                return Leaders({}, {})
            # The leading products decide what else is read; the rest is being read meanwhile.
            activity = await numbers_by_product(await loading[PRODUCT_ACTIVITY, None], "events")
            numbers = await cls.product_numbers(activity, period, loader)
            leading = await ranked(activity, numbers) if "product_performance" in selected else []
            return Leaders(numbers, await names(leading[:SHOWN], loader, period.in_window))

        leading = asyncio.gather(lead(), return_exceptions=True)
        cells = await asyncio.gather(*loading.values(), return_exceptions=True)
        (leaders,) = await leading
        stats = cls(dict(zip(loading, cells, strict=True)), period, leaders)
        return await stats.precomputed(selected)

    @classmethod
    async def product_numbers(
        cls, activity: ProductNumbers, period: Period, loader: Loader
    ) -> ProductNumbers:
        """The numbers that products are ordered by: their events."""
        return activity

    def _days(self, counted: Cells) -> Mapping[date, Counter[str]]:
        """Local date → event type → events, for each date of the week."""
        days = {day: Counter[str]() for day in sorted({*self._dates})}
        for cell in counted:
            days[self._dates[cell["_id"][TIME]]][cell["_id"]["event_type"]] += cell["events"]
        return days

    @property
    def leaders(self) -> Leaders:
        """The leading products; raises the error if they could not be loaded."""
        if isinstance(self._leaders, Failed):
            self._leaders.raise_again()
        return self._leaders

    total_sales = kpi(COUNT, "Purchases.", events("purchase"))
    total_revenue = kpi(
        MONEY,
        "Σ price × quantity of all purchases; an unreadable price is 0, an unreadable quantity 1.",
        _REVENUE_CENTS,
    )
    average_order_value = kpi(
        MONEY, "totalRevenue / totalSales; 0 without sales.", _REVENUE_CENTS / _PURCHASES
    )

    @fold(PURCHASES.slice("product", measures=["units"]))
    def top_products(self, purchases: Cells) -> list[ProductCount]:
        """The 5 products with the most units bought."""
        return top(by_product(purchases, "units")["purchase"])

    @fold(products("product_view"))
    def top_viewed_products(self, _: Cells) -> list[ProductCount]:
        """The 5 products with the most views, or in mode UNIQUE sessions that viewed them."""
        return top(self.leaders.numbers["product_view"])

    @fold(by_day("purchase"))
    def sales_by_day(self, counted: Cells) -> list[DayCount]:
        """Purchases by day, of the days that have any."""
        sales = ((day, numbers["purchase"]) for day, numbers in self._days(counted).items())
        return [DayCount(day, count(number)) for day, number in sales if number]

    @fold(by_day(*event_types(EventsTimelineDay)))
    def events_timeline(self, counted: Cells) -> list[EventsTimelineDay]:
        """The events of each day of the week."""
        days = self._days(counted).items()
        return [row(EventsTimelineDay, numbers, date=day) for day, numbers in days]

    abandonment_rate = kpi(
        PERCENTAGE,
        "Of the persons that began a checkout, the percentage that did not buy. A person is a "
        "user, or a session without a user.",
        total(PERSONS, "persons", began=True, bought=False) / _BEGAN,
    )
    event_counts = event_counts_of(_OCCURRENCES)
    conversion_rates = conversion_rates_of(_OCCURRENCES)
    checkout_started_count = kpi(
        COUNT, "Events of type `checkout_started`.", events("checkout_started")
    )
    payment_info_entered_count = kpi(
        COUNT, "Events of type `payment_info_entered`.", events("payment_info_entered")
    )
    order_completed_count = kpi(
        COUNT, "Events of type `order_completed`.", events("order_completed")
    )
    conversion_checkout_to_payment = kpi(
        PERCENTAGE,
        "paymentInfoEnteredCount / checkoutStartedCount × 100; 0 without any.",
        events("payment_info_entered") / events("checkout_started"),
    )
    conversion_payment_to_order = kpi(
        PERCENTAGE,
        "orderCompletedCount / paymentInfoEnteredCount × 100; 0 without any.",
        events("order_completed") / events("payment_info_entered"),
    )
    error_counts = parts(
        ErrorCounts,
        "The window's errors by type.",
        {each: events(each) for each in event_types(ErrorCounts)},
    )

    @fold(products(*PRODUCT_EVENTS), PURCHASES.slice("product", measures=["units"]))
    def product_performance(self, _: Cells, purchases: Cells) -> list[ProductPerformance]:
        """The 10 products with the most views, as the mode counts them."""
        return self.leaders.rows(by_product(purchases, "units")["purchase"])

    @fold(by_day(*event_types(ErrorsTimelineDay)))
    def errors_timeline(self, counted: Cells) -> list[ErrorsTimelineDay]:
        """The errors of each day of the week."""
        days = self._days(counted).items()
        return [row(ErrorsTimelineDay, numbers, date=day) for day, numbers in days]

    session_stats = parts(
        SessionStats,
        "The window's sessions.",
        {
            "unique_sessions": total(SESSIONS, "sessions"),
            "avg_events_per_session": total(SESSIONS, "events") / total(SESSIONS, "sessions"),
            "sessions_with_purchase": sessions_with("purchase"),
        },
    )

    @fold(BUYERS.slice("recurrent", measures=["buyers"]))
    def retention_metrics(self, buyers: Cells) -> RetentionMetrics:
        """The users that bought, and bought again."""
        recurrent, number = buyers.sum("buyers", recurrent=[True]), buyers.sum("buyers")
        return RetentionMetrics(
            repurchase_rate=percentage(recurrent, number),
            recurrent_customers=count(recurrent),
            total_unique_buyers=count(number),
            period_days=RETENTION.days,
        )

    @fold(SESSIONS.slice(measures=["sessions"]), TRAFFIC.slice("source", measures=["sessions"]))
    def traffic_sources(self, sessions: Cells, traffic: Cells) -> list[TrafficSource]:
        """Sessions by their last source other than `direct`, most sessions first."""
        sources = counts(traffic, "source", "sessions")
        direct = int(sessions.sum("sessions")) - sum(number for _, number in sources)
        if direct > 0:
            sources.append(("direct", direct))
        return [TrafficSource(name, count(number)) for name, number in largest_first(sources)]

    whatsapp_sessions = kpi(
        COUNT, "Sessions that clicked to buy by WhatsApp.", sessions_with("whatsapp_cart_click")
    )
    whatsapp_purchases = kpi(
        COUNT, "Sessions that bought by WhatsApp.", sessions_with("whatsapp_purchase")
    )

    @fold(CLICKERS.slice("session", measures=["sessions"]).largest("last", 10))
    def whatsapp_sessions_list(self, clickers: Cells) -> list[str]:
        """The 10 sessions that clicked to buy by WhatsApp last, newest first."""
        return [cell["_id"]["session"] for cell in clickers]
