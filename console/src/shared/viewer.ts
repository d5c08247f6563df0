/** The viewer of the current token. */

import { useQuery } from '@tanstack/react-query'
import { ViewerDocument, type ViewerQuery } from '../generated/graphql'
import { ask } from './api'
import { useSession } from './session'

export type Viewer = ViewerQuery['viewer']

export type ViewerState = {
  viewer: Viewer | undefined
  /** The error message, if the request failed. */
  problem: string | undefined
  /** Whether the server rejected the token. */
  refused: boolean
}

const REFETCH_MS = 30_000
const RETRY_MS = 5000

export function useViewer(): ViewerState {
  const { token } = useSession()
  const { data, error } = useQuery({
    queryKey: [token, 'viewer'],
    queryFn: async ({ signal }) => await ask(ViewerDocument, {}, signal),
    enabled: token !== '',
    // Detects an expired token, and a server that is reachable again.
    refetchInterval: ({ state }) => (state.error ? RETRY_MS : REFETCH_MS),
  })
  if (token === '') return { viewer: undefined, problem: undefined, refused: false }
  const failure = data?.errors?.[0]
  return {
    viewer: data?.data?.viewer,
    problem: error?.message ?? failure?.message,
    refused: !error && failure?.extensions?.code === 'UNAUTHENTICATED',
  }
}
