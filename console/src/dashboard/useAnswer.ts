/** What a panel asks, again and again while the page is live. */

import { useQuery } from '@tanstack/react-query'
import type { TypedDocumentString } from '../generated/graphql'
import { ask, type Answer } from '../shared/api'
import { useSession } from '../shared/session'
import { useLive } from './live'

const EVERY_MS = 10_000

export type Asked<T> = {
  answer: Answer<T> | undefined
  /** Why there is no answer at all. */
  error: Error | null
  /** The moment whose documents are counted. */
  asOf: number
  /** Whether the answer is one to what was asked before. */
  late: boolean
  retry: () => void
}

export function useAnswer<T, V>(operation: TypedDocumentString<T, V>, variables: V): Asked<T> {
  const { token } = useSession()
  const live = useLive()
  const { data, error, dataUpdatedAt, isPlaceholderData, refetch } = useQuery<Answer<T>>({
    queryKey: [token, operation.toString(), variables],
    queryFn: async ({ signal }) => await ask(operation, variables, signal),
    enabled: token !== '',
    refetchInterval: live && EVERY_MS,
    // Another page of a table comes in place of this one; nobody sees what another one may.
    placeholderData: (last, query) => (query?.queryKey[0] === token ? last : undefined),
  })
  const moments = data?.extensions?.freshness?.map((each) => Date.parse(each.asOf)) ?? []
  return {
    answer: data,
    error,
    asOf: moments.length > 0 ? Math.min(...moments) : dataUpdatedAt,
    late: isPlaceholderData,
    retry: () => void refetch(),
  }
}
