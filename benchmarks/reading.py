"""The reference implementation of `dashboardStats`: reads the events, and counts in Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks.data.dataset import NOW
from benchmarks.reference import Database, ratio
from documents.analytics_event import AnalyticsEvent

ZONE: Final = "America/Bogota"

_FIELDS: Final = (
    "event_type", "session_id", "user_id", "product_slug", "product_name", "price", "metadata",
    "source", "created_at",
)  # fmt: skip
_WEEK: Final = {"created_at": {"$gte": NOW - timedelta(days=7), "$lte": NOW}}
_PURCHASES: Final = {
    "event_type": "purchase",
    "user_id": {"$ne": None},
    "created_at": {"$gte": NOW - timedelta(days=90), "$lte": NOW},
}
# Documents that are in memory at a time.
_BATCH: Final = 50_000

_FUNNEL: Final = {
    "productView": "product_view", "addToCart": "add_to_cart", "beginCheckout": "begin_checkout",
    "purchase": "purchase",
}  # fmt: skip
_TIMELINE: Final = _FUNNEL | {
    "checkoutStarted": "checkout_started", "paymentInfoEntered": "payment_info_entered",
    "orderCompleted": "order_completed",
}  # fmt: skip
_ERRORS: Final = {
    "paymentError": "payment_error", "checkoutError": "checkout_error",
    "paymentConfirmationError": "payment_confirmation_error",
}  # fmt: skip
_ERRORS_TIMELINE: Final = _ERRORS | {"addressError": "address_error"}
_OF_PRODUCTS: Final = ("product_view", "add_to_cart", "purchase")
_PERSONAL: Final = ("begin_checkout", "purchase")


async def of_objects(database: Database, *, unique: bool) -> Any:
    """`dashboardStats` by a stream of Beanie documents."""
    tally, row = Tally(unique=unique), attrgetter(*_FIELDS)
    async for event in AnalyticsEvent.find(_WEEK).sort("+created_at", "+_id"):
        tally.add(*row(event))
    buyers = Counter([event.user_id async for event in AnalyticsEvent.find(_PURCHASES)])
    return await tally.answer(database, buyers)


async def of_dicts(database: Database, *, unique: bool) -> Any:
    """`dashboardStats` by batches of dicts with only the fields that are counted."""
    tally, events = Tally(unique=unique), database["analytics_events"]
    projection = dict.fromkeys(_FIELDS, 1) | {"_id": 0}
    cursor = events.find(_WEEK, projection, sort=[("created_at", 1), ("_id", 1)])
    while batch := await cursor.to_list(_BATCH):
        for event in batch:
            row: Any = map(event.get, _FIELDS)
            tally.add(*row)
    buyers = Counter([event["user_id"] async for event in events.find(_PURCHASES, {"user_id": 1})])
    return await tally.answer(database, buyers)


class Tally:
    """Counts events for all fields of DashboardStats. Add them oldest first."""

    def __init__(self, *, unique: bool) -> None:
        self._unique = unique
        self._zone = ZoneInfo(ZONE)
        self._days: defaultdict[date, Counter[str]] = defaultdict(Counter)
        self._in_sessions = 0
        self._sessions = set[str]()
        self._sessions_with: defaultdict[str, set[str]] = defaultdict(set)
        self._sources: dict[str, str] = {}
        self._clicked: dict[str, datetime] = {}
        self._persons: defaultdict[str, set[str | None]] = defaultdict(set)
        self._revenue = Decimal()
        self._units = Counter[str]()
        # Type of event → product → count.
        self._events_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._sessions_of: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self._names: dict[str, str] = {}

    def add(
        self,
        kind: str,
        session: str | None,
        user: str | None,
        slug: str | None,
        name: str | None,
        price: str | float | None,
        metadata: Mapping[str, Any] | None,
        source: str | None,
        at: datetime,
    ) -> None:
        """Counts an event."""
        self._days[at.astimezone(self._zone).date()][kind] += 1
        if session:
            self._in_sessions += 1
            self._sessions.add(session)
            self._sessions_with[kind].add(session)
            if source and source != "direct":
                self._sources[session] = source
            if kind == "whatsapp_cart_click":
                self._clicked[session] = at
        if kind in _PERSONAL:
            self._persons[kind].add(user or session)
        if slug and kind in _OF_PRODUCTS:
            self._events_of[kind][slug] += 1
            if session and self._unique:
                self._sessions_of[kind][slug].add(session)
        if slug and name:
            self._names[slug] = name
        if kind == "purchase":
            quantity = (metadata or {}).get("quantity", 1)
            self._revenue += Decimal(str(price or 0)) * quantity
            if slug:
                self._units[slug] += quantity

    async def answer(self, database: Database, buyers: Counter[str]) -> Any:
        """The result; `buyers` maps users to their purchases in 90 days."""
        unique = self._unique
        totals = sum(self._days.values(), Counter[str]())
        steps = (len(self._sessions_with[k]) if unique else totals[k] for k in _FUNNEL.values())
        funnel = dict(zip(_FUNNEL, steps, strict=True))
        of = self._of_products()
        sales, sessions = totals["purchase"], len(self._sessions)
        sources = Counter(self._sources.values())
        sources["direct"] += sessions - sources.total()
        began, bought = (self._persons[kind] for kind in _PERSONAL)
        recurrent = sum(number > 1 for number in buyers.values())
        clicked = sorted(self._clicked.items(), key=lambda click: (-click[1].timestamp(), click[0]))
        first = (NOW - timedelta(days=7)).astimezone(self._zone).date()
        last = NOW.astimezone(self._zone).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        by_day = [(day.isoformat(), self._days[day]) for day in days]
        return {
            "mode": "UNIQUE" if unique else "TOTAL",
            "windowStart": (NOW - timedelta(days=7)).isoformat(timespec="milliseconds"),
            "windowEnd": NOW.isoformat(timespec="milliseconds"),
            "totalSales": sales,
            "totalRevenue": ratio(self._revenue, 1, 2),
            "averageOrderValue": ratio(self._revenue, sales, 2),
            "topProducts": _top(self._units),
            "topViewedProducts": _top(of["product_view"]),
            "salesByDay": [
                {"date": day, "count": line["purchase"]} for day, line in by_day if line["purchase"]
            ],
            "eventsTimeline": [{"date": day} | _line(_TIMELINE, line) for day, line in by_day],
            "errorsTimeline": [
                {"date": day} | _line(_ERRORS_TIMELINE, line) for day, line in by_day
            ],
            "abandonmentRate": ratio(100 * len(began - bought), len(began), 1),
            "eventCounts": funnel,
            "conversionRates": {
                "visitToCart": ratio(100 * funnel["addToCart"], funnel["productView"], 1),
                "cartToCheckout": ratio(100 * funnel["beginCheckout"], funnel["addToCart"], 1),
                "checkoutToPurchase": ratio(100 * funnel["purchase"], funnel["beginCheckout"], 1),
            },
            "checkoutStartedCount": (started := totals["checkout_started"]),
            "paymentInfoEnteredCount": (paying := totals["payment_info_entered"]),
            "orderCompletedCount": (completed := totals["order_completed"]),
            "conversionCheckoutToPayment": ratio(100 * paying, started, 1),
            "conversionPaymentToOrder": ratio(100 * completed, paying, 1),
            "errorCounts": _line(_ERRORS, totals),
            "productPerformance": await self._performance(database, of),
            "sessionStats": {
                "uniqueSessions": sessions,
                "avgEventsPerSession": ratio(self._in_sessions, sessions, 1),
                "sessionsWithPurchase": len(self._sessions_with["purchase"]),
            },
            "retentionMetrics": {
                "repurchaseRate": ratio(100 * recurrent, len(buyers), 1),
                "recurrentCustomers": recurrent,
                "totalUniqueBuyers": len(buyers),
                "periodDays": 90,
            },
            "trafficSources": [
                {"source": source, "sessions": number}
                for source, number in _largest_first(sources.items())
                if number
            ],
            "whatsappSessions": len(self._sessions_with["whatsapp_cart_click"]),
            "whatsappPurchases": len(self._sessions_with["whatsapp_purchase"]),
            "whatsappSessionsList": [session for session, _ in clicked[:10]],
        }

    def _of_products(self) -> Mapping[str, Mapping[str, int]]:
        """Type of event → product → events or sessions."""
        if not self._unique:
            return self._events_of
        return {
            kind: {slug: len(sessions) for slug, sessions in self._sessions_of[kind].items()}
            for kind in _OF_PRODUCTS
        }

    async def _performance(self, database: Database, of: Mapping[str, Mapping[str, int]]) -> Any:
        views, carts, bought = (of[kind] for kind in _OF_PRODUCTS)
        bought = bought if self._unique else self._units
        slugs = {slug for kind in _OF_PRODUCTS for slug in self._events_of[kind]}
        leading = _largest_first((slug, views.get(slug, 0)) for slug in slugs)[:10]
        cursor = database["products"].find({"slug": {"$in": [slug for slug, _ in leading]}})
        names = {product["slug"]: product["name"] async for product in cursor.sort("_id", -1)}
        return [
            {
                "slug": slug,
                "name": names.get(slug) or self._names.get(slug, slug),
                "views": seen,
                "addToCart": carts.get(slug, 0),
                "purchases": bought.get(slug, 0),
                "purchasesUnits": self._units[slug] if self._unique else None,
                "conversionRate": ratio(100 * bought.get(slug, 0), seen, 1),
            }
            for slug, seen in leading
        ]


def _line(names: Mapping[str, str], events: Mapping[str, int]) -> dict[str, Any]:
    return {name: events[kind] for name, kind in names.items()}


def _top(numbers: Mapping[str, int]) -> Any:
    leading = _largest_first(numbers.items())[:5]
    return [{"slug": slug, "count": number} for slug, number in leading if number > 0]


def _largest_first(numbers: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(numbers, key=lambda pair: (-pair[1], pair[0]))
