/** A peer: mercurius on fastify, which compiles operations. */

import Fastify from 'fastify'
import mercurius from 'mercurius'
import { context, schema } from './service.mjs'
import { port } from './settings.mjs'

const app = Fastify()
await app.register(mercurius, {
  schema,
  jit: 1,
  context: ({ headers }) => context(headers.authorization)
})
await app.listen({ host: '127.0.0.1', port })
