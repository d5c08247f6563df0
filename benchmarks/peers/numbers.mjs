/** From the cells that MongoDB counted to rows of plain values, rounded as Headcount rounds. */

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

const NO_TICKETS = { tickets: 0, sold: 0, promo: 0, admin: 0, available: 0, consumed: 0, expired: 0 }
const NO_ORDERS = { paid_orders: 0, paid_cents: 0 }

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
    ticketsIssued: tickets.tickets,
    ticketsSold: tickets.sold,
    ticketsPromo: tickets.promo,
    ticketsAdmin: tickets.admin,
    ticketStatus: tickets,
    revenue: money(number(paid.paid_cents)),
    ordersCount: paid.paid_orders,
    occupancyPct: ratio(100 * tickets.tickets, capacity, 1)
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
    confirmed += number(cell.paid_cents)
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
