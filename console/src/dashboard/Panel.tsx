/** A panel: the result or error of an operation, and a link to the operation in GraphiQL. */

import { useId, type ReactNode } from 'react'
import type { TypedDocumentString } from '../generated/graphql'
import type { Failure } from '../shared/api'
import { time } from '../shared/format'
import { graphiql } from '../shared/links'
import { settings } from '../shared/settings'
import { useAnswer } from './useAnswer'

type Props<T, V extends object> = {
  title: string
  operation: TypedDocumentString<T, V>
  variables: V
  /** Next to the title. */
  controls?: ReactNode
  /** Above the result or error. */
  filter?: ReactNode
  wide?: boolean
  /** Renders the result; null if access was denied. */
  children: (data: T, failures: readonly Failure[]) => ReactNode
}

export function Panel<T, V extends object>(props: Props<T, V>) {
  const { title, operation, variables, controls, filter, wide, children } = props
  const id = useId()
  const { answer, error, asOf, stale, retry } = useAnswer(operation, variables)
  const failures = answer?.errors ?? []
  const shown = answer?.data != null ? children(answer.data, failures) : null
  return (
    <section className={wide ? 'panel wide' : 'panel'} aria-labelledby={id} aria-busy={stale}>
      <header>
        <h2 id={id}>{title}</h2>
        {controls}
        {shown !== null && <small>as of {time(asOf)}</small>}
        {shown !== null && error && <small role="status">{error.message}</small>}
        {settings.graphiql && (
          <a className="source" href={graphiql(operation.toString(), variables)}>
            Query<span className="hidden"> of “{title}” in GraphiQL</span>
          </a>
        )}
      </header>
      {filter}
      {shown ?? <Nothing failures={failures} error={error} retry={retry} />}
    </section>
  )
}

type NothingProps = { failures: readonly Failure[]; error: Error | null; retry: () => void }

function Nothing({ failures, error, retry }: NothingProps) {
  const failure = failures[0]
  if (failure?.extensions?.code === 'FORBIDDEN') return <Locked message={failure.message} />
  if (failure === undefined && error === null)
    return (
      <p className="empty" aria-busy="true">
        Counting…
      </p>
    )
  return (
    <div className="empty" role="alert">
      <p>{failure?.message ?? error?.message}</p>
      {failure?.extensions?.requestId !== undefined && (
        <small>Request id in the server’s log: {failure.extensions.requestId}</small>
      )}
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  )
}

export function Locked({ message }: { message: string }) {
  return (
    <p className="empty">
      <svg viewBox="0 0 16 16" width="14" height="14" fill="currentColor" aria-hidden="true">
        <path d="M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z" />
      </svg>{' '}
      {message}
    </p>
  )
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>
}

/** A list of names and values. */
export function Facts({ of }: { of: readonly (readonly [name: string, value: string])[] }) {
  return (
    <dl className="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A radio group. */
export function Choice<T extends string>(props: {
  legend: string
  value: T
  options: readonly (readonly [value: T, name: string])[]
  choose: (value: T) => void
}) {
  const name = useId()
  return (
    <fieldset className="segments">
      <legend className="hidden">{props.legend}</legend>
      {props.options.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            checked={value === props.value}
            onChange={() => {
              props.choose(value)
            }}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  )
}
