/** The token that requests carry: one of the demo's, or the viewer's own; for this tab only. */

import { useSyncExternalStore } from 'react'
import { demo, settings, type DemoRole } from './settings'

const KEY = 'headcount'

export type Session = {
  /** Who one is, of the demo's roles; null for a token of one's own. */
  role: DemoRole | null
  /** The token of one's own; empty without one. */
  own: string
}

function remembered(): Session {
  const first: Session = { role: demo[0] ?? null, own: '' }
  try {
    const { role, own } = JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Partial<Session>
    const known = role === null || (role !== undefined && demo.includes(role))
    return { role: known ? role : first.role, own: typeof own === 'string' ? own : '' }
  } catch {
    return first
  }
}

let session = remembered()
const listeners = new Set<() => void>()

export function changeSession(change: Partial<Session>): void {
  session = { ...session, ...change }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session))
  } catch {
    // A browser that stores nothing: the token lasts until the page is left.
  }
  for (const listener of listeners) listener()
}

export function token(): string {
  return session.role === null ? session.own : (settings.tokens[session.role] ?? '')
}

/** Whose token it is, in a word. */
export const asked = (): string => session.role ?? 'own token'

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useSession(): Session & { token: string } {
  const current = useSyncExternalStore(subscribe, () => session)
  return { ...current, token: token() }
}
