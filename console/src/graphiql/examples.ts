/** The operations that GraphiQL opens with: one for each family of KPIs. */

import behaviour from './examples/Behaviour.graphql?raw'
import events from './examples/EventTable.graphql?raw'
import exports_ from './examples/Export.graphql?raw'
import metrics from './examples/Metrics.graphql?raw'
import orders from './examples/Orders.graphql?raw'
import overview from './examples/Overview.graphql?raw'
import promoCodes from './examples/PromoCodes.graphql?raw'
import tickets from './examples/TicketReport.graphql?raw'

import eventsVariables from './examples/EventTable.json?raw'
import behaviourVariables from './examples/Behaviour.json?raw'
import { settings } from '../shared/settings'

export const examples = [
  { query: overview },
  { query: events, variables: eventsVariables },
  { query: orders },
  { query: promoCodes },
  { query: behaviour, variables: behaviourVariables },
  { query: metrics },
  { query: tickets, variables: JSON.stringify({ ...settings.ticketReport, limit: 20 }, null, 2) },
  { query: exports_ },
]
