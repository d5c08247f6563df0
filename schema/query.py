"""The root type: KPIs, the ticket report, export links and freshness."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.dashboard.stats
import resolvers.event_stats
import resolvers.freshness
import resolvers.metrics
import resolvers.tickets.report
from auth.audit import owners_read
from auth.scope import Scope
from auth.viewer import Role
from resolvers.exports import ExportFormat, ExportReport, export_link, export_of
from resolvers.freshness import CubeFreshness
from resolvers.tickets.report import LIMIT_MAX as TICKETS_MAX
from resolvers.tickets.report import TicketReport, Tickets
from resolvers.tickets.row import OWNERS
from schema.context import Info
from schema.exports import ExportLink
from schema.kpis import Kpis
from schema.rules import roles
from schema.selection import selected
from schema.types import graphql_list, graphql_type


@strawberry.type(description="The root fields.")
class Query(Kpis):
    @strawberry.field(
        graphql_type=graphql_type(TicketReport) | None,
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
        columns = selected(info, "result") if "result" in asked else None
        report = await resolvers.tickets.report.ticket_report(
            columns,
            info.context.loader,
            Scope.of(info.context.viewer),
            Tickets(exclude_deleted, last_updated_since or None, last_updated_before or None),
            event_ids=event_ids,
            mobile_app_id=mobile_app_id,
            limit=limit,
            offset=offset,
            with_total="total" in asked,
            limit_max=info.context.limit_max or TICKETS_MAX,
        )
        if report.result and OWNERS.intersection(columns or ()):
            owners_read(info.context.viewer, event_ids, len(report.result))
        return report

    @strawberry.field(
        graphql_type=ExportLink | None,
        extensions=roles(Role.ADMIN, Role.ORGANIZER),
        description="A download link that works by itself for five minutes and for this file only. "
        "The events dashboard is for admins.",
    )
    def export_link(
        self,
        info: Info,
        report: Annotated[
            ExportReport, strawberry.argument(description="What the file shows.")
        ] = ExportReport.EVENTS_DASHBOARD,
        format: Annotated[
            ExportFormat, strawberry.argument(description="What the file is.")
        ] = ExportFormat.XLSX,
        event_type: Annotated[
            str | None,
            strawberry.argument(description="Only events of this type. Events dashboard only."),
        ] = strawberry.UNSET,
        active_only: Annotated[
            bool, strawberry.argument(description="Only active events. Events dashboard only.")
        ] = False,
        event_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The event. Ticket report only, and required there."),
        ] = strawberry.UNSET,
        mobile_app_id: Annotated[
            str | None,
            strawberry.argument(
                description="The application. Ticket report only, and required there."
            ),
        ] = strawberry.UNSET,
        exclude_deleted: Annotated[
            bool, strawberry.argument(description="No deleted tickets. Ticket report only.")
        ] = False,
        last_updated_since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Only tickets updated then or later. Ticket report only."
            ),
        ] = strawberry.UNSET,
        last_updated_before: Annotated[
            datetime | None,
            strawberry.argument(description="Only tickets updated before. Ticket report only."),
        ] = strawberry.UNSET,
    ) -> object:
        context = info.context
        tickets = Tickets(exclude_deleted, last_updated_since or None, last_updated_before or None)
        asked = export_of(
            report,
            event_type=event_type or None,
            active_only=active_only,
            event_id=event_id or None,
            mobile_app_id=mobile_app_id or None,
            tickets=tickets,
        )
        return export_link(context.links, asked, format, context.viewer, context.now)

    @strawberry.field(
        graphql_type=graphql_list(CubeFreshness) | None,
        extensions=roles(Role.ADMIN),
        description="The source of each cube, and how old it is, by the cubes' names.",
    )
    async def freshness(self, info: Info) -> object:
        return await resolvers.freshness.freshness(info.context.loader)
