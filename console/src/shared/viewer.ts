/** Who the token says one is. */

import { useQuery } from '@tanstack/react-query'
import { ViewerDocument, type ViewerQuery } from '../generated/graphql'
import { ask } from './api'
import { useSession } from './session'

export type Viewer = ViewerQuery['viewer']

export type Known = {
  viewer: Viewer | undefined
  /** Why the server does not say. */
  problem: string | undefined
  /** Whether it is the token's fault. */
  refused: boolean
}

const ASK_MS = 30_000
const ASK_AGAIN_MS = 5000

export function useViewer(): Known {
  const { token } = useSession()
  const { data, error } = useQuery({
    queryKey: [token, 'viewer'],
    queryFn: async ({ signal }) => await ask(ViewerDocument, {}, signal),
    enabled: token !== '',
    // Tokens end, and servers come back.
    refetchInterval: ({ state }) => (state.error ? ASK_AGAIN_MS : ASK_MS),
  })
  if (token === '') return { viewer: undefined, problem: undefined, refused: false }
  const failure = data?.errors?.[0]
  return {
    viewer: data?.data?.viewer,
    problem: error?.message ?? failure?.message,
    refused: !error && failure?.extensions?.code === 'UNAUTHENTICATED',
  }
}
