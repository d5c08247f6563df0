/** Links from the dashboard to GraphiQL, with the operation that they open. */

export type Operation = { query: string; variables: string }

/** In the fragment, which is not sent to the server: nothing is logged. */
export function graphiql(query: string, variables: object): string {
  const given = { query: query.trim(), variables: JSON.stringify(variables, null, 2) }
  return `graphql#${new URLSearchParams(given).toString()}`
}

/** The operation that the page was opened with; one that is opened later loads the page anew. */
export function opened(): Operation | null {
  const given = new URLSearchParams(location.hash.slice(1))
  const query = given.get('query')
  // Its tab is remembered: whoever changes it is not to find it once more.
  if (query !== null) history.replaceState(null, '', location.pathname)
  window.addEventListener('hashchange', () => {
    location.reload()
  })
  return query === null ? null : { query, variables: given.get('variables') ?? '' }
}
