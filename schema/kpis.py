"""The root fields of KPIs: they hand arguments to resolvers."""

from typing import Annotated

import strawberry

import resolvers.dashboard.stats
import resolvers.event_stats
import resolvers.metrics
import resolvers.tickets.report
from auth.viewer import Role
from resolvers.dashboard.kpis import DashboardStats
from resolvers.dashboard.values import CountMode
from resolvers.event_stats import LIMIT_MAX, NEWEST_FIRST, EventStats, EventStatsPage
from resolvers.events_overview import EventsOverview
from resolvers.metrics import Metrics
from resolvers.order_stats import OrderStats
from resolvers.promo_code_stats import PromoCodeStats
from schema.context import Info
from schema.events import EventOrder, OrderDirection
from schema.identity import identity
from schema.promo_codes import PROMO_CODE_STATS
from schema.rules import PUBLIC, roles
from schema.selection import selected
from schema.types import graphql_type
from schema.viewer import Viewer

_FOR_ADMINS = roles(Role.ADMIN)


@strawberry.type
class Kpis:
    @strawberry.field(
        graphql_type=Viewer, extensions=PUBLIC, description="The caller, as the token says."
    )
    def viewer(self, info: Info) -> object:
        return info.context.viewer

    @strawberry.field(
        graphql_type=graphql_type(EventsOverview) | None,
        extensions=_FOR_ADMINS,
        description="The events dashboard's cards.",
    )
    async def events_overview(self, info: Info) -> object:
        stats = await EventsOverview.load(selected(info), info.context.loader)
        return stats.with_id(identity(info))

    @strawberry.field(
        graphql_type=graphql_type(EventStatsPage) | None,
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
                "`unknown` for events without a type."
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
            info.context.loader,
            page=page,
            limit=limit,
            event_type=None if event_type is strawberry.UNSET else event_type,
            active_only=active_only,
            order=resolvers.event_stats.order_by(
                order_by.field.value, descending=order_by.direction is OrderDirection.DESC
            )
            if order_by
            else NEWEST_FIRST,
            with_total="total" in asked,
            limit_max=info.context.limit_max or LIMIT_MAX,
        )

    @strawberry.field(
        graphql_type=graphql_type(EventStats) | None,
        extensions=_FOR_ADMINS,
        description="One event with its KPIs; null if no event has the id.",
    )
    async def event(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID, strawberry.argument(description="The event's ObjectId: 24 hex digits.")
        ],
    ) -> object:
        return await resolvers.event_stats.event(selected(info), info.context.loader, id=id)

    @strawberry.field(
        graphql_type=PROMO_CODE_STATS | None,
        extensions=_FOR_ADMINS,
        description="Promo codes, and the tickets that they gave away.",
    )
    async def promo_code_stats(self, info: Info) -> object:
        stats = await PromoCodeStats.of(selected(info), info.context.loader)
        return stats.with_id(identity(info))

    @strawberry.field(
        graphql_type=graphql_type(OrderStats) | None,
        extensions=_FOR_ADMINS,
        description="Orders and their amounts, by status, gateway and payment method.",
    )
    async def order_stats(self, info: Info) -> object:
        stats = await OrderStats.load(selected(info), info.context.loader)
        return stats.with_id(identity(info))

    @strawberry.field(
        graphql_type=graphql_type(DashboardStats) | None,
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
        stats = await resolvers.dashboard.stats.dashboard_stats(
            selected(info),
            info.context.loader,
            mode=mode,
            timezone=timezone,
            now=info.context.now,
        )
        return stats.with_id(identity(info))

    @strawberry.field(
        graphql_type=graphql_type(Metrics),
        extensions=PUBLIC,
        description="Users, products and stock. Each field carries its own rule.",
    )
    async def metrics(
        self,
        info: Info,
        active_only: Annotated[
            bool,
            strawberry.argument(description="Whether only active products count."),
        ] = True,
    ) -> object:
        stats = await resolvers.metrics.metrics(
            selected(info), info.context.loader, active_only=active_only
        )
        return stats.with_id(identity(info))
