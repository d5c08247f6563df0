/** The cards: totals of events, tickets, orders and revenue. */

import { OverviewDocument } from '../../generated/graphql'
import { count, money } from '../../shared/format'
import { Bars } from '../charts'
import { Panel } from '../Panel'

export function Overview() {
  return (
    <Panel title="Overview" operation={OverviewDocument} variables={{}} wide>
      {({ eventsOverview: all }) =>
        all && (
          <>
            <ul className="cards">
              <Card name="Revenue" value={money(all.totalRevenue)} note="of paid orders" />
              <Card name="Paid orders" value={count(all.totalOrders)} />
              <Card
                name="Tickets"
                value={count(all.totalTicketsIssued)}
                note={`${count(all.totalTicketsSold)} sold · ${count(all.totalTicketsPromo)} by promo code · ${count(all.totalTicketsAdmin)} by admins`}
              />
              <Card
                name="Events"
                value={count(all.totalEvents)}
                note={`${count(all.upcomingEvents)} to come · ${count(all.pastEvents)} past · ${count(all.activeEvents)} active`}
              />
            </ul>
            <Bars title="Events by type" rows={all.eventsByType} by="eventType" value="count" />
          </>
        )
      }
    </Panel>
  )
}

function Card({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <li>
      <h3>{name}</h3>
      <b>{value}</b>
      {note !== undefined && <small>{note}</small>}
    </li>
  )
}
