/** Sends GraphiQL's requests; they can be stopped, and are measured. */

import type { GraphiQLProps } from 'graphiql'
import { Kind, parse } from 'graphql'
import { post } from '../shared/api'
import { startMeasuring } from './Figures'

type Observer = {
  next: (value: object) => void
  error: (error: { message: string }) => void
  complete: () => void
}

/** Removes an `operationName` that the query lacks: GraphiQL may send that of the last tab. */
function withValidName(body: Parameters<Fetcher>[0]): object {
  try {
    const { definitions } = parse(body.query)
    const valid = definitions.some(
      (each) => each.kind === Kind.OPERATION_DEFINITION && each.name?.value === body.operationName,
    )
    return valid ? body : { ...body, operationName: undefined }
  } catch {
    // The server reports the syntax error.
    return body
  }
}

type Fetcher = GraphiQLProps['fetcher']

export const fetcher: Fetcher = (body, options) => {
  // GraphiQL can stop a subscription, but not a promise.
  const subscribe = (observer: Observer) => {
    const stopped = new AbortController()
    const measure = startMeasuring()
    post(withValidName(body), options?.headers, stopped.signal).then(
      (answer) => {
        measure(answer.extensions)
        observer.next(answer)
        observer.complete()
      },
      (error: unknown) => {
        if (stopped.signal.aborted) return
        measure(undefined)
        observer.error({ message: error instanceof Error ? error.message : String(error) })
      },
    )
    return {
      unsubscribe: () => {
        stopped.abort()
      },
    }
  }
  // GraphiQL also accepts a promise or an async iterable; the type is their union.
  return { subscribe } as ReturnType<Fetcher>
}
