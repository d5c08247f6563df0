/** The page at /docs. */

import { QueryClientProvider, useQuery } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { client } from '../shared/client'
import { Header } from '../shared/Header'
import { settings } from '../shared/settings'
import { followColorScheme } from './colorScheme'
import { openapi } from './openapi'
import { Reference } from './Reference'

import 'swagger-ui-dist/swagger-ui.css'
import './docs.css'

function Page() {
  return (
    <>
      <Header page="REST API">
        {settings.dashboard && <a href="./">Dashboard</a>}
        {settings.graphiql && <a href="graphql">GraphiQL</a>}
        <a href="openapi.json" download>
          OpenAPI
        </a>
      </Header>
      <Paths />
    </>
  )
}

function Paths() {
  const { data, error } = useQuery({
    queryKey: ['openapi'],
    queryFn: openapi,
    refetchInterval: ({ state }) => state.data === undefined && 5000,
  })
  if (error && !data) return <p role="alert">{error.message} The page retries every 5 s.</p>
  if (!data) return <p aria-busy="true">Loading the paths…</p>
  return <Reference document={data} />
}

followColorScheme()

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no root.')

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Page />
    </QueryClientProvider>
  </StrictMode>,
)
