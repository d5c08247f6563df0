/** The example operations, one for each family of KPIs. */

import { settings } from '../shared/settings'

export type Example = { name: string; query: string; variables?: string }

const ORDER = [
  'Overview',
  'EventTable',
  'Orders',
  'PromoCodes',
  'Behaviour',
  'Metrics',
  'TicketReport',
  'Export',
]

const queries: Record<string, string> = import.meta.glob('./examples/*.graphql', {
  query: '?raw',
  import: 'default',
  eager: true,
})

const VARIABLES: Record<string, object> = {
  EventTable: {
    page: 0,
    limit: 10,
    orderBy: { field: 'REVENUE', direction: 'DESC' },
    activeOnly: false,
  },
  Behaviour: { mode: 'UNIQUE', timezone: 'America/Bogota' },
  TicketReport: { ...settings.ticketReport, limit: 20 },
}

export const examples: readonly Example[] = ORDER.map((name) => ({
  name,
  query: queries[`./examples/${name}.graphql`] ?? '',
  ...(name in VARIABLES && { variables: JSON.stringify(VARIABLES[name], null, 2) }),
}))
