/** A peer: GraphQL Yoga on Node's own HTTP server. */

import { createServer } from 'node:http'
import { createYoga } from 'graphql-yoga'
import { context, schema } from './service.mjs'
import { port } from './settings.mjs'

const yoga = createYoga({
  schema,
  logging: false,
  graphiql: false,
  context: ({ req }) => context(req.headers.authorization)
})
createServer(yoga).listen(port, '127.0.0.1')
