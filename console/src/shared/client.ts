/** The cache of responses. */

import { QueryClient } from '@tanstack/react-query'

export const client = new QueryClient({
  defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false, networkMode: 'always' } },
})
