/** What a request took, under its result. */

import { useGraphiQL } from '@graphiql/react'
import { useSyncExternalStore } from 'react'
import type { Answer } from '../shared/api'

type Took = { ms: number; extensions: Answer<unknown>['extensions'] }

/** By the tab that asked. */
let took: Readonly<Record<string, Took>> = {}
const listeners = new Set<() => void>()

export function note(tab: string, ms: number, extensions: Answer<unknown>['extensions']): void {
  took = { ...took, [tab]: { ms, extensions } }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function Figures() {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id ?? '')
  const last = useSyncExternalStore(subscribe, () => took)[tab]
  return (
    <div className="figures" role="status">
      {last ? <Shown {...last} /> : <span>Run an operation to see what it takes.</span>}
    </div>
  )
}

function Shown({ ms, extensions }: Took) {
  const { aggregations, cost, freshness } = extensions ?? {}
  return (
    <>
      <span>
        <b>{ms < 10 ? ms.toFixed(1) : Math.round(ms)}</b> ms
      </span>
      {aggregations !== undefined && (
        <span>
          <b>{aggregations}</b> {aggregations === 1 ? 'aggregation' : 'aggregations'}
        </span>
      )}
      {cost !== undefined && (
        <span>
          cost <b>{cost}</b>
        </span>
      )}
      {freshness?.map(({ cube, source, lagMs }) => (
        <span key={cube}>
          {cube} <b>{source === 'LIVE' ? 'live' : `${lagMs} ms old`}</b>
        </span>
      ))}
    </>
  )
}
