/** The page at /graphql. */

import './workers'

import { explorerPlugin } from '@graphiql/plugin-explorer'
import { HISTORY_PLUGIN } from '@graphiql/plugin-history'
import { QueryClientProvider } from '@tanstack/react-query'
import { GraphiQL, type GraphiQLProps } from 'graphiql'
import type { GraphQLSchema } from 'graphql'
import { StrictMode, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { post } from '../shared/api'
import { Header } from '../shared/Header'
import { opened } from '../shared/links'
import { client } from '../shared/client'
import { settings } from '../shared/settings'
import { examples } from './examples'
import { Figures, note } from './Figures'
import { schema } from './schema'

import '@graphiql/react/style.css'
import '@graphiql/plugin-doc-explorer/style.css'
import '@graphiql/plugin-history/style.css'
import '@graphiql/plugin-explorer/style.css'
import 'graphiql/graphiql.css'
import './graphiql.css'

const plugins = [HISTORY_PLUGIN, explorerPlugin()]

let activeTab = ''

const fetcher: GraphiQLProps['fetcher'] = async (body, options) => {
  const tab = activeTab
  const started = performance.now()
  const answer = await post(body, options?.headers)
  note(tab, performance.now() - started, answer.extensions)
  return answer as object
}

function Page({ schema }: { schema: GraphQLSchema }) {
  const operation = opened()
  return (
    <>
      <Header page="GraphiQL">
        {settings.dashboard && <a href="./">Dashboard</a>}
        <a href="schema.graphql" download>
          Schema
        </a>
      </Header>
      <main>
        <GraphiQL
          fetcher={fetcher}
          schema={schema}
          plugins={plugins}
          defaultTabs={operation ? [operation, ...examples] : examples}
          {...(operation && {
            initialQuery: operation.query,
            initialVariables: operation.variables,
          })}
          defaultEditorToolsVisibility
          // A token is for this tab only: it stays with the header above.
          shouldPersistHeaders={false}
          onTabChange={({ tabs, activeTabIndex }) => {
            activeTab = tabs[activeTabIndex]?.id ?? ''
          }}
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
          <GraphiQL.Footer>
            <Figures />
          </GraphiQL.Footer>
        </GraphiQL>
      </main>
    </>
  )
}

async function start(): Promise<ReactNode> {
  try {
    return (
      <QueryClientProvider client={client}>
        <Page schema={await schema()} />
      </QueryClientProvider>
    )
  } catch (error) {
    return <p role="alert">{error instanceof Error ? error.message : String(error)}</p>
  }
}

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no root.')

createRoot(root).render(<StrictMode>{await start()}</StrictMode>)
