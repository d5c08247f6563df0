/** From the cells that MongoDB counted to rows of plain values, rounded as Headcount rounds. */

const PAID = new Set(['CONFIRMED', 'RECEIVED', 'succeeded'])

/** numerator / denominator at so many places, half-even, exact for whole numbers; 0 without a denominator. */
export const ratio = (numerator, denominator, places) => {
  if (!denominator) return 0
  const scale = 10 ** places
  const scaled = numerator * scale
  let quotient = Math.floor(scaled / denominator)
  const twice = 2 * (scaled - quotient * denominator)
  if (twice > denominator || (twice === denominator && quotient % 2 !== 0)) quotient += 1
  return quotient / scale
}

const money = (cents) => ratio(cents, 100, 2)

/** The driver gives longs as numbers; sums of doubles come as Decimal128. */
const number = (value) => (typeof value === 'number' ? value : Number(value.toString()))

const noTickets = () => ({
  issued: 0,
  origins: { sold: 0, promo: 0, admin: 0 },
  statuses: { available: 0, consumed: 0, expired: 0 }
})

/** An event's id → its tickets, by origin and by status. */
export const ticketsByEvent = (cells) => {
  const found = new Map()
  for (const { _id, tickets } of cells) {
    const key = String(_id.event)
    let of = found.get(key)
    if (!of) found.set(key, (of = noTickets()))
    of.issued += tickets
    of.origins[_id.origin] += tickets
    if (Object.hasOwn(of.statuses, _id.status)) of.statuses[_id.status] += tickets
  }
  return found
}

/** An event's id → its paid orders and their amount. */
export const paidByEvent = (cells) => {
  const found = new Map()
  for (const cell of cells) {
    if (!PAID.has(cell._id.status)) continue
    const key = String(cell._id.event)
    let of = found.get(key)
    if (!of) found.set(key, (of = { orders: 0, cents: 0 }))
    of.orders += cell.orders
    of.cents += number(cell.amount_cents)
  }
  return found
}

const NO_TICKETS = noTickets()
const NO_ORDERS = { orders: 0, cents: 0 }

/** An event's row, with every field of `EventStats`. */
export const eventStats = (row, tickets = NO_TICKETS, paid = NO_ORDERS) => {
  const capacity = number(row.capacity)
  return {
    eventId: String(row._id),
    title: row.title,
    eventType: row.event_type,
    eventDate: row.event_date && row.event_date.toISOString().replace('Z', '+00:00'),
    location: row.location,
    capacity,
    isActive: row.is_active,
    isSaleBoxOffice: row.is_sale_box_office,
    ticketsIssued: tickets.issued,
    ticketsSold: tickets.origins.sold,
    ticketsPromo: tickets.origins.promo,
    ticketsAdmin: tickets.origins.admin,
    ticketStatus: tickets.statuses,
    revenue: money(paid.cents),
    ordersCount: paid.orders,
    occupancyPct: ratio(100 * tickets.issued, capacity, 1)
  }
}

const breakdown = (cells, dimension) => {
  const found = new Map()
  for (const cell of cells) {
    const key = cell._id[dimension]
    let of = found.get(key)
    if (!of) found.set(key, (of = { key, count: 0, cents: 0 }))
    of.count += cell.orders
    of.cents += number(cell.amount_cents)
  }
  const parts = [...found.values()]
  parts.sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
  return parts.map(({ key, count, cents }) => ({ key, count, totalAmount: money(cents) }))
}

/** Every field of `OrderStats`. */
export const orderStats = (cells) => {
  let [orders, cents, confirmed, tickets] = [0, 0, 0, 0]
  for (const cell of cells) {
    const amount = number(cell.amount_cents)
    orders += cell.orders
    cents += amount
    tickets += number(cell.tickets)
    if (PAID.has(cell._id.status)) confirmed += amount
  }
  return {
    totalOrders: orders,
    totalRevenue: money(cents),
    confirmedRevenue: money(confirmed),
    byStatus: breakdown(cells, 'status'),
    byGateway: breakdown(cells, 'gateway'),
    byPaymentMethod: breakdown(cells, 'method'),
    avgOrderValue: ratio(cents, 100 * orders, 2),
    avgTicketsPerOrder: ratio(tickets, orders, 2)
  }
}
