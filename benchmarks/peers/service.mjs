/** What the peers have in common: Headcount's schema, its resolvers in JavaScript, and who may ask. */

import { readFile } from 'node:fs/promises'
import { createVerifier } from 'fast-jwt'
import { buildSchema, GraphQLError } from 'graphql'
import { loaders } from './loaders.mjs'
import { eventStats, orderStats } from './numbers.mjs'
import { secret } from './settings.mjs'

const PERMISSIONS = ['VIEW_CUSTOMERS', 'MANAGE_INVENTORY']

const verify = createVerifier({ key: secret, algorithms: ['HS256'], requiredClaims: ['exp'] })

/** The context of a request, by its `authorization` header. */
export const context = (authorization) => {
  const [scheme, token] = (authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !token) throw refusal('UNAUTHENTICATED', 401)
  let role
  try {
    ;({ role } = verify(token))
  } catch {
    throw refusal('UNAUTHENTICATED', 401)
  }
  return { role: String(role).toUpperCase(), load: loaders() }
}

// One reads the status here, the other there.
const refusal = (code, statusCode) =>
  Object.assign(new GraphQLError(code, { extensions: { code, http: { status: statusCode } } }), {
    statusCode
  })

const forAdmins = (resolve) => (root, given, context, info) => {
  if (context.role !== 'ADMIN') throw refusal('FORBIDDEN', 200)
  return resolve(root, given, context, info)
}

// They return finished rows, so that all below them are plain properties.
const resolvers = {
  viewer: (root, given, { role }) => ({ role, permissions: role === 'ADMIN' ? PERMISSIONS : [] }),

  eventStats: forAdmins(async (root, { limit }, { load }) => {
    const [rows, total] = await Promise.all([load.page.load(limit), load.census.load('all')])
    const ids = rows.map((row) => String(row._id))
    const [tickets, paid] = await Promise.all([load.tickets.loadMany(ids), load.paid.loadMany(ids)])
    return { total, events: rows.map((row, place) => eventStats(row, tickets[place], paid[place])) }
  }),

  event: forAdmins(async (root, { id }, { load }) => {
    const [row, tickets, paid] = await Promise.all(
      [load.row, load.tickets, load.paid].map((loader) => loader.load(id))
    )
    return row ? eventStats(row, tickets, paid) : null
  }),

  orderStats: forAdmins(async (root, given, { load }) => orderStats(await load.orders.load('all')))
}

const SDL = new URL('../../schema/schema.graphql', import.meta.url)

/** Headcount's own schema; only what is raced has a resolver. */
export const schema = buildSchema(await readFile(SDL, 'utf8'))

const fields = schema.getQueryType().getFields()
for (const [name, resolve] of Object.entries(resolvers)) fields[name].resolve = resolve
