/** What GraphiQL remembers: tabs, history and choices, but no header, which may hold a token. */

import type { GraphiQLProps } from 'graphiql'

/** Apart from what another GraphiQL remembers of this origin. */
const PREFIX = 'headcount:'
/** Where GraphiQL keeps operations that were run. */
const RUN = ['graphiql:queries', 'graphiql:favorites']

/** Where nothing may be stored, it lasts as long as the page. */
const memory = new Map<string, string>()

function stored(): Storage | null {
  try {
    localStorage.setItem(PREFIX, '')
    return localStorage
  } catch {
    return null
  }
}

const kept = stored()

function withoutHeaders(value: string): string {
  return JSON.stringify(JSON.parse(value), (name, each: unknown) =>
    name === 'headers' ? undefined : each,
  )
}

function readable(key: string, value: string | null): string | null {
  if (value === null || !RUN.includes(key)) return value
  try {
    return withoutHeaders(value)
  } catch {
    return null
  }
}

export const storage: NonNullable<GraphiQLProps['storage']> = {
  getItem: (key) => readable(key, kept ? kept.getItem(PREFIX + key) : (memory.get(key) ?? null)),
  setItem: (key, value) => {
    const safe = RUN.includes(key) ? withoutHeaders(value) : value
    if (kept) kept.setItem(PREFIX + key, safe)
    else memory.set(key, safe)
  },
  removeItem: (key) => {
    kept?.removeItem(PREFIX + key)
    memory.delete(key)
  },
  clear: () => {
    for (const key of Object.keys(kept ?? {})) if (key.startsWith(PREFIX)) kept?.removeItem(key)
    memory.clear()
  },
  get length() {
    return kept?.length ?? memory.size
  },
}
