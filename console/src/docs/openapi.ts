/** Loads the OpenAPI document of the server. */

const BASE = new URL('.', document.baseURI).href

/** The document; its server is that of the page, also under a path that a proxy adds. */
export async function openapi({ signal }: { signal: AbortSignal }): Promise<object> {
  let response: Response
  try {
    response = await fetch(new URL('openapi.json', BASE), { signal })
  } catch (error) {
    throw new Error('The server can’t be reached.', { cause: error })
  }
  if (!response.ok) throw new Error(`The response is ${response.status} ${response.statusText}.`)
  return { ...((await response.json()) as object), servers: [{ url: BASE.replace(/\/$/, '') }] }
}
