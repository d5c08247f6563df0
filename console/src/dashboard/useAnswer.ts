/** Runs the operation of a panel, periodically while the page is live. */

import { useQuery } from '@tanstack/react-query'
import type { TypedDocumentString } from '../generated/graphql'
import { ask, type Answer } from '../shared/api'
import { useSession } from '../shared/session'
import { useLive } from './live'

const EVERY_MS = 10_000

export type PanelData<T> = {
  answer: Answer<T> | undefined
  /** Set if there is no response. */
  error: Error | null
  /** The time of the counted data, in milliseconds since the epoch. */
  asOf: number
  /** Whether the response is that to the previous variables. */
  stale: boolean
  retry: () => void
}

export function useAnswer<T, V>(operation: TypedDocumentString<T, V>, variables: V): PanelData<T> {
  const { token } = useSession()
  const live = useLive()
  const { data, error, dataUpdatedAt, isPlaceholderData, refetch } = useQuery<Answer<T>>({
    queryKey: [token, operation.toString(), variables],
    queryFn: async ({ signal }) => await ask(operation, variables, signal),
    enabled: token !== '',
    refetchInterval: live && EVERY_MS,
    // Shows the previous page of a table while the next loads, but never another token's data.
    placeholderData: (last, query) => (query?.queryKey[0] === token ? last : undefined),
  })
  const times = data?.extensions?.freshness?.map((each) => Date.parse(each.asOf)) ?? []
  return {
    answer: data,
    error,
    asOf: times.length > 0 ? Math.min(...times) : dataUpdatedAt,
    stale: isPlaceholderData,
    retry: () => void refetch(),
  }
}
