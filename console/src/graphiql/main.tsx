/** The page at /graphql. */

import './workers'

import { explorerPlugin } from '@graphiql/plugin-explorer'
import { HISTORY_PLUGIN } from '@graphiql/plugin-history'
import { QueryClientProvider, useQuery } from '@tanstack/react-query'
import { GraphiQL } from 'graphiql'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { client } from '../shared/client'
import { Header } from '../shared/Header'
import { linkedOperation } from '../shared/links'
import { settings } from '../shared/settings'
import { EXAMPLES } from './ExamplesPlugin'
import { examples } from './examples'
import { fetcher } from './fetcher'
import { Figures } from './Figures'
import { schema } from './schema'
import { storage } from './storage'

import '@graphiql/react/style.css'
import '@graphiql/plugin-doc-explorer/style.css'
import '@graphiql/plugin-history/style.css'
import '@graphiql/plugin-explorer/style.css'
import 'graphiql/graphiql.css'
import './graphiql.css'

const plugins = [EXAMPLES, HISTORY_PLUGIN, explorerPlugin()]
const operation = linkedOperation()
const tabs = operation ? [operation, ...examples] : [...examples]

function Page() {
  return (
    <>
      <Header page="GraphiQL">
        {settings.dashboard && <a href="./">Dashboard</a>}
        {settings.docs && <a href="docs">REST API</a>}
        <a href="schema.graphql" download>
          Schema
        </a>
      </Header>
      <main>
        <Explorer />
      </main>
    </>
  )
}

function Explorer() {
  const { data, error } = useQuery({
    queryKey: ['schema'],
    queryFn: schema,
    refetchInterval: untilLoaded,
  })
  if (error && !data) return <p role="alert">{error.message} The page retries every 5 s.</p>
  if (!data) return <p aria-busy="true">Loading the schema…</p>
  return (
    <GraphiQL
      fetcher={fetcher}
      schema={data}
      storage={storage}
      plugins={plugins}
      defaultTabs={tabs}
      {...(operation && { initialQuery: operation.query, initialVariables: operation.variables })}
      defaultEditorToolsVisibility
      // Headers may contain a token, which must not be stored beyond this tab.
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <span />
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Figures />
      </GraphiQL.Footer>
    </GraphiQL>
  )
}

/** Retries every five seconds until the schema is loaded. */
const untilLoaded = ({ state }: { state: { data?: unknown } }): number | false =>
  state.data === undefined && 5000

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no root.')

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Page />
    </QueryClientProvider>
  </StrictMode>,
)
