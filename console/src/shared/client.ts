/** What asks the API for the pages, and keeps what it answered. */

import { QueryClient } from '@tanstack/react-query'

export const client = new QueryClient({
  defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false, networkMode: 'always' } },
})
