// Clients, with their ways of persisting queries. Prints the answers, and what was sent.
// An operation is an object with a text and, for clients that are built with a manifest, an id.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'

const { URL: url, TOKEN, CLIENT, OPERATIONS } = process.env
const require = createRequire(import.meta.url)
const headers = { authorization: `Bearer ${TOKEN}` }
const sent = []

const recorded = async (input, init = {}) => {
  const response = await fetch(input, init)
  const given = init.body ? JSON.parse(init.body) : Object.fromEntries(new URL(input).searchParams)
  sent.push({ method: init.method ?? 'GET', text: 'query' in given, status: response.status })
  return response
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex')

const apollo = (packageName, options) => {
  const core = require(`${packageName}/core`)
  const { createPersistedQueryLink } = require(`${packageName}/link/persisted-queries`)
  const ids = new Map()
  const http = new core.HttpLink({ uri: url, fetch: recorded, headers })
  const client = new core.ApolloClient({
    cache: new core.InMemoryCache(),
    link: createPersistedQueryLink(options(ids)).concat(http),
    clientAwareness: { name: 'a page', version: '1' },
  })
  return ({ text, id }) => {
    const query = core.gql(text)
    ids.set(query.definitions.find(({ kind }) => kind == 'OperationDefinition').name.value, id)
    return client.query({ query, fetchPolicy: 'network-only' })
  }
}

const byHash = () => ({ sha256 })
const byGet = () => ({ sha256, useGETForHashedQueries: true })
const byId = (ids) => ({
  generateHash: ({ definitions }) =>
    ids.get(definitions.find(({ kind }) => kind == 'OperationDefinition').name.value),
})

const urql = (options) => {
  const { Client, fetchExchange } = require('@urql/core')
  const { persistedExchange } = require('@urql/exchange-persisted')
  const client = new Client({
    url,
    fetch: recorded,
    fetchOptions: { headers },
    exchanges: [persistedExchange(options), fetchExchange],
  })
  return ({ text }) => client.query(text, {}).toPromise()
}

const graphqlRequest = (requestMiddleware) => {
  const { GraphQLClient } = require('graphql-request')
  const client = new GraphQLClient(url, { headers, fetch: recorded, requestMiddleware })
  return async ({ text, id }) => ({ data: await client.request(id ?? text) })
}

const clients = {
  'apollo 3': () => apollo('apollo-client-3', byHash),
  'apollo 3 by GET': () => apollo('apollo-client-3', byGet),
  'apollo 3 by id': () => apollo('apollo-client-3', byId),
  'apollo 4': () => apollo('@apollo/client', byHash),
  'apollo 4 by GET': () => apollo('@apollo/client', byGet),
  'apollo 4 by id': () => apollo('@apollo/client', byId),
  urql: () => urql({ preferGetForPersistedQueries: false }),
  'urql by GET': () => urql({ preferGetForPersistedQueries: true }),
  'graphql-request': () => graphqlRequest(),
  'graphql-request by id': () =>
    graphqlRequest((request) => {
      const { query, ...given } = JSON.parse(request.body)
      return { ...request, body: JSON.stringify({ ...given, documentId: query }) }
    }),
}

const ask = clients[JSON.parse(CLIENT)]()
const answers = []
for (const operation of JSON.parse(OPERATIONS)) {
  const { data, error } = await ask(operation).catch((error) => ({ error }))
  answers.push({ data, error: error && String(error) })
}
console.log(JSON.stringify({ answers, sent }))
process.exit(0)
