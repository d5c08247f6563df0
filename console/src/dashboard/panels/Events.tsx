/** The table of events, with sorting, pages, filters and exports. */

import { useId, useState } from 'react'
import {
  EventsDocument,
  OverviewDocument,
  type EventsQuery,
  type EventsQueryVariables,
} from '../../generated/graphql'
import { count, date, money, percent } from '../../shared/format'
import { Empty, Panel } from '../Panel'
import { useAnswer } from '../useAnswer'
import { ExportButtons } from './ExportButtons'

type Page = NonNullable<EventsQuery['eventStats']>
type Row = Page['events'][number]
type Order = EventsQueryVariables['orderBy']
type Field = Order['field']

const LIMIT = 10

const COLUMNS: readonly { name: string; field?: Field; numeric?: boolean }[] = [
  { name: 'Event', field: 'TITLE' },
  { name: 'Date', field: 'EVENT_DATE' },
  { name: 'Type' },
  { name: 'Occupancy', field: 'OCCUPANCY_PCT' },
  { name: 'Issued', field: 'TICKETS_ISSUED', numeric: true },
  { name: 'Sold', field: 'TICKETS_SOLD', numeric: true },
  { name: 'Orders', field: 'ORDERS_COUNT', numeric: true },
  { name: 'Revenue', field: 'REVENUE', numeric: true },
]

export function Events() {
  const [variables, setVariables] = useState<EventsQueryVariables>({
    page: 0,
    limit: LIMIT,
    eventType: null,
    activeOnly: false,
    orderBy: { field: 'REVENUE', direction: 'DESC' },
  })
  // A changed filter or order shows the first page.
  const show = (change: Partial<EventsQueryVariables>) => {
    setVariables((now) => ({ ...now, page: 0, ...change }))
  }
  return (
    <Panel
      title="Events"
      operation={EventsDocument}
      variables={variables}
      wide
      controls={
        <ExportButtons eventType={variables.eventType ?? null} activeOnly={variables.activeOnly} />
      }
      filter={<Filter variables={variables} show={show} />}
    >
      {({ eventStats }) =>
        eventStats && (
          <>
            <EventTable page={eventStats} order={variables.orderBy} show={show} />
            <Pages total={eventStats.total} page={variables.page} show={show} />
          </>
        )
      }
    </Panel>
  )
}

type Show = (change: Partial<EventsQueryVariables>) => void

function Filter({ variables, show }: { variables: EventsQueryVariables; show: Show }) {
  const id = useId()
  // The cards use the same operation, so its response is cached.
  const { answer } = useAnswer(OverviewDocument, {})
  const types = answer?.data?.eventsOverview?.eventsByType ?? []
  return (
    <div className="filter">
      <label htmlFor={id}>Type</label>
      <select
        id={id}
        value={variables.eventType ?? ''}
        onChange={({ target }) => {
          show({ eventType: target.value === '' ? null : target.value })
        }}
      >
        <option value="">all</option>
        {types.map(({ eventType }) => (
          <option key={eventType}>{eventType}</option>
        ))}
      </select>
      <label>
        <input
          type="checkbox"
          checked={variables.activeOnly}
          onChange={({ target }) => {
            show({ activeOnly: target.checked })
          }}
        />
        active only
      </label>
    </div>
  )
}

function EventTable({ page, order, show }: { page: Page; order: Order; show: Show }) {
  if (page.events.length === 0) return <Empty>No event matches.</Empty>
  return (
    <div className="scroll" role="region" tabIndex={0} aria-label="Table of events">
      <table>
        <thead>
          <tr>
            {COLUMNS.map(({ name, field, numeric }) => (
              <Head
                key={name}
                name={name}
                field={field}
                numeric={numeric}
                order={order}
                show={show}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {page.events.map((event) => (
            <EventRow key={event.eventId} {...event} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

type HeadProps = {
  name: string
  field: Field | undefined
  numeric: boolean | undefined
  order: Order
  show: Show
}

function Head({ name, field, numeric, order, show }: HeadProps) {
  const className = numeric ? 'number' : undefined
  if (field === undefined)
    return (
      <th scope="col" className={className}>
        {name}
      </th>
    )
  const down = order.direction === 'DESC'
  const sorted = order.field === field
  return (
    <th
      scope="col"
      className={className}
      aria-sort={sorted ? (down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        onClick={() => {
          show({ orderBy: { field, direction: sorted && down ? 'ASC' : 'DESC' } })
        }}
      >
        {name}
        <span aria-hidden="true">{sorted ? (down ? ' ▾' : ' ▴') : ' ·'}</span>
      </button>
    </th>
  )
}

function EventRow(event: Row) {
  const { occupancyPct, capacity } = event
  return (
    <tr>
      <th scope="row">
        {event.title.trim() === '' ? 'untitled' : event.title}
        <small>
          {[event.location, event.isActive ? '' : 'inactive'].filter(Boolean).join(' · ')}
        </small>
      </th>
      <td>{event.eventDate == null ? '–' : date(event.eventDate)}</td>
      <td>{event.eventType}</td>
      <td className="occupancy">
        {capacity > 0 ? (
          <>
            <meter
              className={occupancyPct > 100 ? 'over' : undefined}
              min={0}
              max={100}
              value={Math.min(occupancyPct, 100)}
              aria-label={`Occupancy of ${event.title}`}
            />
            <span>{percent(occupancyPct)}</span>
            <small>of {count(capacity)}</small>
          </>
        ) : (
          <span>no limit</span>
        )}
      </td>
      <td className="number">{count(event.ticketsIssued)}</td>
      <td className="number">{count(event.ticketsSold)}</td>
      <td className="number">{count(event.ordersCount)}</td>
      <td className="number">{money(event.revenue)}</td>
    </tr>
  )
}

function Pages({ total, page, show }: { total: number; page: number; show: Show }) {
  const last = Math.max(0, Math.ceil(total / LIMIT) - 1)
  const first = page * LIMIT + 1
  return (
    <nav className="pages" aria-label="Pages of events">
      <button
        type="button"
        disabled={page === 0}
        onClick={() => {
          show({ page: page - 1 })
        }}
      >
        Previous
      </button>
      <span role="status">
        {total < first ? 'none' : `${count(first)} to ${count(Math.min(total, first + LIMIT - 1))}`}{' '}
        of {count(total)}
      </span>
      <button
        type="button"
        disabled={page >= last}
        onClick={() => {
          show({ page: page + 1 })
        }}
      >
        Next
      </button>
    </nav>
  )
}
