"""The root type: arguments in, resolvers' results out."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.dashboard_stats
import resolvers.event_stats
import resolvers.metrics
import resolvers.ticket_report
from auth.scope import Scope
from auth.viewer import Role
from resolvers.dashboard_parts import CountMode
from resolvers.event_stats import LIMIT_MAX, NEWEST_FIRST
from resolvers.events_overview import EventsOverview as EventsOverviewNumbers
from resolvers.order_stats import OrderStats as OrderStatsNumbers
from resolvers.promo_code_stats import PromoCodeStats as PromoCodeStatsNumbers
from resolvers.ticket_report import LIMIT_MAX as TICKETS_MAX
from resolvers.ticket_report import Tickets
from schema.context import Info
from schema.dashboard import DashboardStats
from schema.events import EventOrder, EventsOverview, EventStats, EventStatsPage
from schema.metrics import Metrics
from schema.orders import OrderStats
from schema.promo_codes import PromoCodeStats
from schema.rules import roles
from schema.selection import selected
from schema.ticket_report import TicketReport
from schema.viewer import Viewer

_FOR_ADMINS = roles(Role.ADMIN)


@strawberry.type(description="What can be asked.")
class Query:
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
        return await resolvers.dashboard_stats.dashboard_stats(
            selected(info),
            info.context.aggregations,
            mode=mode,
            timezone=timezone,
            now=info.context.now,
        )

    @strawberry.field(
        graphql_type=TicketReport | None,
        extensions=roles(Role.ADMIN, Role.ORGANIZER),
        description="Tickets of some events one by one, each with its owner, by id. Organizers see "
        "their own events only; other events, and those that do not exist, are passed over.",
    )
    async def ticket_report(
        self,
        info: Info,
        event_ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="The events' ObjectIds; one given twice counts once."),
        ],
        mobile_app_id: Annotated[
            str, strawberry.argument(description="Only events of this application.")
        ],
        limit: Annotated[
            int, strawberry.argument(description=f"Tickets to answer: 1 to {TICKETS_MAX}.")
        ],
        offset: Annotated[
            int, strawberry.argument(description="How many tickets to skip before them.")
        ] = 0,
        exclude_deleted: Annotated[
            bool, strawberry.argument(description="Leave out tickets that have left the system.")
        ] = False,
        last_updated_since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Only tickets updated then or later; one without the time of an update "
                "counts from its creation."
            ),
        ] = strawberry.UNSET,
        last_updated_before: Annotated[
            datetime | None, strawberry.argument(description="Only tickets updated before.")
        ] = strawberry.UNSET,
    ) -> object:
        asked = selected(info)
        return await resolvers.ticket_report.ticket_report(
            selected(info, "result") if "result" in asked else None,
            info.context.aggregations,
            Scope.of(info.context.viewer),
            Tickets(exclude_deleted, last_updated_since or None, last_updated_before or None),
            event_ids=event_ids,
            mobile_app_id=mobile_app_id,
            limit=limit,
            offset=offset,
            with_total="total" in asked,
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
