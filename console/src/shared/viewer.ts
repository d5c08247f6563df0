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
}

export function useViewer(): Known {
  const { token } = useSession()
  const { data, error } = useQuery({
    queryKey: [token, 'viewer'],
    queryFn: async ({ signal }) => await ask(ViewerDocument, {}, signal),
    enabled: token !== '',
  })
  if (token === '') return { viewer: undefined, problem: undefined }
  return { viewer: data?.data?.viewer, problem: error?.message ?? data?.errors?.[0]?.message }
}
