/** How GraphiQL asks: so that a request can be stopped, and what it took is noted. */

import type { GraphiQLProps } from 'graphiql'
import { Kind, parse } from 'graphql'
import { post } from '../shared/api'
import { began } from './Figures'

type Observer = {
  next: (value: object) => void
  error: (error: { message: string }) => void
  complete: () => void
}

/** GraphiQL may still name the operation of the tab that was open a moment ago. */
function current(body: Parameters<Fetcher>[0]): object {
  try {
    const { definitions } = parse(body.query)
    const known = definitions.some(
      (each) => each.kind === Kind.OPERATION_DEFINITION && each.name?.value === body.operationName,
    )
    return known ? body : { ...body, operationName: undefined }
  } catch {
    // The server says what is wrong with it.
    return body
  }
}

type Fetcher = GraphiQLProps['fetcher']

export const fetcher: Fetcher = (body, options) => {
  // What is subscribed to can be stopped; a promise can't.
  const subscribe = (observer: Observer) => {
    const stopped = new AbortController()
    const ended = began()
    post(current(body), options?.headers, stopped.signal).then(
      (answer) => {
        ended(answer.extensions)
        observer.next(answer)
        observer.complete()
      },
      (error: unknown) => {
        if (stopped.signal.aborted) return
        ended(undefined)
        observer.error({ message: error instanceof Error ? error.message : String(error) })
      },
    )
    return {
      unsubscribe: () => {
        stopped.abort()
      },
    }
  }
  // Called in this one of three ways.
  return { subscribe } as ReturnType<Fetcher>
}
