/** The client of the API. */

import type { TypedDocumentString } from '../generated/graphql'
import { token } from './session'

export type Failure = {
  message: string
  path?: (string | number)[]
  extensions?: { code?: string; requestId?: string }
}

export type Freshness = { cube: string; source: 'ROLLUP' | 'LIVE'; asOf: string; lagMs: number }

export type Answer<T> = {
  data?: T | null
  errors?: Failure[]
  extensions?: { freshness?: Freshness[]; cost?: number; aggregations?: number }
}

export const API = new URL('graphql', document.baseURI)

export async function post(
  body: object,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer<unknown>> {
  const all = new Headers({
    'content-type': 'application/json',
    accept: 'application/graphql-response+json, application/json',
    ...(token() && { authorization: `Bearer ${token()}` }),
  })
  for (const [name, value] of Object.entries(headers)) all.set(name, value)
  let response: Response
  try {
    response = await fetch(API, {
      method: 'POST',
      headers: all,
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Error('The server can’t be reached.', { cause: error })
  }
  try {
    return (await response.json()) as Answer<unknown>
  } catch (error) {
    throw new Error(`The response ${response.status} ${response.statusText} is not JSON.`, {
      cause: error,
    })
  }
}

export async function ask<T, V>(
  operation: TypedDocumentString<T, V>,
  variables: V,
  signal?: AbortSignal,
): Promise<Answer<T>> {
  return (await post({ query: operation.toString(), variables }, {}, signal)) as Answer<T>
}
