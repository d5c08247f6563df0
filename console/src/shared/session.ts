/** The token of this browser tab: one of the demo, or one that the user entered. */

import { useSyncExternalStore } from 'react'
import { demo, settings, type DemoRole } from './settings'

const KEY = 'headcount'

export type Session = {
  /** The chosen role of the demo; null for an entered token. */
  role: DemoRole | null
  /** The entered token; empty if there is none. */
  own: string
}

function stored(): Session {
  const first: Session = { role: demo[0] ?? null, own: '' }
  try {
    const { role, own } = JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Partial<Session>
    const valid = role === null || (role !== undefined && demo.includes(role))
    return { role: valid ? role : first.role, own: typeof own === 'string' ? own : '' }
  } catch {
    return first
  }
}

let session = stored()
const listeners = new Set<() => void>()

export function changeSession(change: Partial<Session>): void {
  session = { ...session, ...change }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(session))
  } catch {
    // The browser blocks storage: the token lasts until the page is closed.
  }
  for (const listener of listeners) listener()
}

export function token(): string {
  return session.role === null ? session.own : (settings.tokens[session.role] ?? '')
}

/** The name of the chosen token. */
export const tokenName = (): string => session.role ?? 'own token'

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useSession(): Session & { token: string } {
  const current = useSyncExternalStore(subscribe, () => session)
  return { ...current, token: token() }
}
