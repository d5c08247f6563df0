"""The KPIs of the root type: arguments in, resolvers' results out."""

from typing import Annotated

import strawberry

import resolvers.dashboard.stats
import resolvers.event_stats
import resolvers.metrics
import resolvers.tickets.report
from auth.viewer import Role
from resolvers.dashboard.values import CountMode
from resolvers.event_stats import LIMIT_MAX, NEWEST_FIRST
from resolvers.events_overview import EventsOverview as EventsOverviewNumbers
from resolvers.order_stats import OrderStats as OrderStatsNumbers
from resolvers.promo_code_stats import PromoCodeStats as PromoCodeStatsNumbers
from schema.context import Info
from schema.dashboard import DashboardStats
from schema.events import EventOrder, EventsOverview, EventStats, EventStatsPage
from schema.metrics import Metrics
from schema.orders import OrderStats
from schema.promo_codes import PromoCodeStats
from schema.rules import roles
from schema.selection import selected
from schema.viewer import Viewer

_FOR_ADMINS = roles(Role.ADMIN)


@strawberry.type
class Kpis:
    @strawberry.field(graphql_type=Viewer, description="Who the token says you are.")
    def viewer(self, info: Info) -> object:
        return info.context.viewer

    @strawberry.field(
        graphql_type=EventsOverview | None,
        extensions=_FOR_ADMINS,
        description="The events dashboard's cards.",
    )
    async def events_overview(self, info: Info) -> object:
        return await EventsOverviewNumbers.load(selected(info), info.context.aggregations)

    @strawberry.field(
        graphql_type=EventStatsPage | None,
        extensions=_FOR_ADMINS,
        description="Events with their KPIs, a page at a time; newest first unless ordered.",
    )
    async def event_stats(
        self,
        info: Info,
        page: Annotated[
            int, strawberry.argument(description="The page's number; the first is 0.")
        ] = 0,
        limit: Annotated[
            int, strawberry.argument(description=f"Events on a page: 1 to {LIMIT_MAX}.")
        ] = 20,
        event_type: Annotated[
            str | None,
            strawberry.argument(
                description="Only events of this type, compared exactly; "
                "`unknown` for those without one."
            ),
        ] = strawberry.UNSET,
        active_only: Annotated[
            bool, strawberry.argument(description="Only events that are marked active.")
        ] = False,
        order_by: Annotated[
            EventOrder | None,
            strawberry.argument(description="The order, over all matching events."),
        ] = strawberry.UNSET,
    ) -> object:
        asked = selected(info)
        return await resolvers.event_stats.event_stats(
            selected(info, "events") if "events" in asked else None,
            info.context.aggregations,
            page=page,
            limit=limit,
            event_type=None if event_type is strawberry.UNSET else event_type,
            active_only=active_only,
            order=resolvers.event_stats.order_by(order_by.field.value, order_by.direction.value)
            if order_by
            else NEWEST_FIRST,
            with_total="total" in asked,
        )

    @strawberry.field(
        graphql_type=EventStats | None,
        extensions=_FOR_ADMINS,
        description="One event with its KPIs; null if there is none of that id.",
    )
    async def event(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID, strawberry.argument(description="The event's ObjectId: 24 hex digits.")
        ],
    ) -> object:
        return await resolvers.event_stats.event(selected(info), info.context.aggregations, id=id)

    @strawberry.field(
        graphql_type=PromoCodeStats | None,
        extensions=_FOR_ADMINS,
        description="Promo codes, and the tickets they gave away.",
    )
    async def promo_code_stats(self, info: Info) -> object:
        return await PromoCodeStatsNumbers.load(selected(info), info.context.aggregations)

    @strawberry.field(
        graphql_type=OrderStats | None,
        extensions=_FOR_ADMINS,
        description="Orders, their amounts and how they were paid.",
    )
    async def order_stats(self, info: Info) -> object:
        return await OrderStatsNumbers.load(selected(info), info.context.aggregations)

    @strawberry.field(
        graphql_type=DashboardStats | None,
        extensions=_FOR_ADMINS,
        description="What visitors of the shop did in the seven days, of 24 hours, up to now.",
    )
    async def dashboard_stats(
        self,
        info: Info,
        mode: Annotated[
            CountMode,
            strawberry.argument(
                description="What eventCounts, conversionRates, topViewedProducts and "
                "productPerformance count. Nothing else depends on it."
            ),
        ] = CountMode.TOTAL,
        timezone: Annotated[
            str,
            strawberry.argument(
                description="The IANA time zone whose calendar days the timelines and salesByDay "
                "show, as `America/Bogota`."
            ),
        ] = "UTC",
    ) -> object:
        return await resolvers.dashboard.stats.dashboard_stats(
            selected(info),
            info.context.aggregations,
            mode=mode,
            timezone=timezone,
            now=info.context.now,
        )

    @strawberry.field(graphql_type=Metrics, description="Each field carries its own rule.")
    async def metrics(
        self,
        info: Info,
        active_only: Annotated[
            bool,
            strawberry.argument(description="Of products count active ones only, not all."),
        ] = True,
    ) -> object:
        return await resolvers.metrics.metrics(
            selected(info), info.context.aggregations, active_only=active_only
        )
