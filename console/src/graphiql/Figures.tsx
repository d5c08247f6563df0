/** What a request took, under its result. */

import { useGraphiQL } from '@graphiql/react'
import { useEffect, useSyncExternalStore } from 'react'
import type { Answer } from '../shared/api'
import { asked } from '../shared/session'

type Extensions = Answer<unknown>['extensions']
type Took = { ms: number; as: string; extensions: Extensions }

/** The tab that is open. */
let current = ''
/** By the tab that asked. */
let took: Readonly<Record<string, Took>> = {}
const listeners = new Set<() => void>()

/** Notes that the open tab asks; gives what is to be called when that is answered. */
export function began(): (extensions: Extensions) => void {
  const tab = current
  const as = asked()
  const started = performance.now()
  return (extensions) => {
    took = { ...took, [tab]: { ms: performance.now() - started, as, extensions } }
    for (const listener of listeners) listener()
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function Figures() {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id ?? '')
  useEffect(() => {
    current = tab
  }, [tab])
  const last = useSyncExternalStore(subscribe, () => took)[tab]
  return (
    <div className="figures" role="status">
      {last ? <Shown {...last} /> : <span>Run an operation to see what it takes.</span>}
    </div>
  )
}

function Shown({ ms, as, extensions }: Took) {
  const { aggregations, cost, freshness } = extensions ?? {}
  return (
    <>
      <span>
        <b>{ms < 10 ? ms.toFixed(1) : Math.round(ms)}</b> ms
      </span>
      <span>
        as <b>{as}</b>
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
