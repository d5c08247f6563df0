/** The duration and cost of the last request, below its result. */

import { useGraphiQL } from '@graphiql/react'
import { useEffect, useSyncExternalStore } from 'react'
import type { Answer } from '../shared/api'
import { tokenName } from '../shared/session'

type Extensions = Answer<unknown>['extensions']
type Measured = { ms: number; as: string; extensions: Extensions }

/** The id of the open tab. */
let current = ''
/** Id of a tab → its last request. */
let measured: Readonly<Record<string, Measured>> = {}
const listeners = new Set<() => void>()

/** Starts to measure a request of the open tab; call the result with the response. */
export function startMeasuring(): (extensions: Extensions) => void {
  const tab = current
  const as = tokenName()
  const started = performance.now()
  return (extensions) => {
    measured = { ...measured, [tab]: { ms: performance.now() - started, as, extensions } }
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
  const last = useSyncExternalStore(subscribe, () => measured)[tab]
  return (
    <div className="figures" role="status">
      {last ? <Shown {...last} /> : <span>Run an operation to see its duration and cost.</span>}
    </div>
  )
}

function Shown({ ms, as, extensions }: Measured) {
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
