/** The DataLoaders of one request: what its resolvers ask for, batched into Headcount's aggregations. */

import DataLoader from 'dataloader'
import { MongoClient, ObjectId } from 'mongodb'
import { commands, database, uri } from './settings.mjs'

const client = await new MongoClient(uri).connect()
const db = client.db(database)

const grouping = ({ pipeline }) => pipeline.some((stage) => stage.$group)

/** Headcount's command to a collection for a root field: for rows, or for cells. */
const recorded = (field, collection, cells) =>
  commands[field].find(
    (command) => command.aggregate === collection && grouping(command) === cells
  )

const run = ({ aggregate, pipeline, allowDiskUse, collation, let: variables, cursor }) =>
  db
    .collection(aggregate)
    .aggregate(pipeline, {
      allowDiskUse, collation, let: variables, batchSize: Number(cursor.batchSize), maxTimeMS: 30_000
    })
    .toArray()

/** The command with other ids in its `$in`. */
const of = (ids, command) => {
  const [{ $match }, ...rest] = command.pipeline
  const [field] = Object.keys($match)
  const keys = ids.map((id) => new ObjectId(id))
  return { ...command, pipeline: [{ $match: { [field]: { $in: keys } } }, ...rest] }
}

const first = (limit, command) => ({
  ...command,
  pipeline: command.pipeline.map((stage) => (stage.$limit ? { $limit: limit } : stage))
})

const PAGE = recorded('eventStats', 'events', false)
const CENSUS = recorded('eventStats', 'events', true)
const ROW = recorded('event', 'events', false)
const ORDERS = recorded('orderStats', 'ticket_orders', true)
const BY_EVENT = {
  tickets: [recorded('eventStats', 'tickets', true), recorded('event', 'tickets', true)],
  ticket_orders: [
    recorded('eventStats', 'ticket_orders', true), recorded('event', 'ticket_orders', true)
  ]
}

const single = (load) => new DataLoader((keys) => Promise.all(keys.map(load)))

/** The loaders of a request. */
export const loaders = () => {
  // Once it is known: a page of most of the events is counted without a filter, as Headcount does.
  let total = Infinity

  const byEvent = (collection) =>
    new DataLoader(async (ids) => {
      const [all, some] = BY_EVENT[collection]
      const cells = await run(2 * ids.length < total ? of(ids, some) : all)
      const found = new Map(cells.map((cell) => [String(cell._id.event), cell]))
      return ids.map((id) => found.get(id))
    })

  return {
    census: single(async () => {
      const cells = await run(CENSUS)
      total = cells.reduce((sum, { events }) => sum + events, 0)
      return total
    }),
    page: single((limit) => run(first(limit, PAGE))),
    row: new DataLoader(async (ids) => {
      const rows = new Map((await run(of(ids, ROW))).map((row) => [String(row._id), row]))
      return ids.map((id) => rows.get(id))
    }),
    tickets: byEvent('tickets'),
    paid: byEvent('ticket_orders'),
    orders: single(() => run(ORDERS))
  }
}
