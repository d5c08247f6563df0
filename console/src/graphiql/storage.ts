/** GraphiQL's storage of tabs, history and choices. It omits headers, which may contain a token. */

import type { GraphiQLProps } from 'graphiql'

/** Separates the entries from those of another GraphiQL of this origin. */
const PREFIX = 'headcount:'
/** The entries with operations that were run. */
const HISTORY = ['graphiql:queries', 'graphiql:favorites']

/** Replaces localStorage if the browser blocks it. */
const memory = new Map<string, string>()

function localStorageOrNull(): Storage | null {
  try {
    localStorage.setItem(PREFIX, '')
    return localStorage
  } catch {
    return null
  }
}

const local = localStorageOrNull()

function withoutHeaders(value: string): string {
  return JSON.stringify(JSON.parse(value), (name, each: unknown) =>
    name === 'headers' ? undefined : each,
  )
}

function readable(key: string, value: string | null): string | null {
  if (value === null || !HISTORY.includes(key)) return value
  try {
    return withoutHeaders(value)
  } catch {
    return null
  }
}

export const storage: NonNullable<GraphiQLProps['storage']> = {
  getItem: (key) => readable(key, local ? local.getItem(PREFIX + key) : (memory.get(key) ?? null)),
  setItem: (key, value) => {
    const safe = HISTORY.includes(key) ? withoutHeaders(value) : value
    if (local) local.setItem(PREFIX + key, safe)
    else memory.set(key, safe)
  },
  removeItem: (key) => {
    local?.removeItem(PREFIX + key)
    memory.delete(key)
  },
  clear: () => {
    for (const key of Object.keys(local ?? {})) if (key.startsWith(PREFIX)) local?.removeItem(key)
    memory.clear()
  },
  get length() {
    return local?.length ?? memory.size
  },
}
