/** Links from the dashboard to GraphiQL with an operation. */

export type Operation = { query: string; variables: string }

/** A link to GraphiQL. The operation is in the fragment, which is not sent to the server. */
export function graphiql(query: string, variables: object): string {
  const fragment = { query: query.trim(), variables: JSON.stringify(variables, null, 2) }
  return `graphql#${new URLSearchParams(fragment).toString()}`
}

/** The operation in the URL, or null. A later change of the fragment reloads the page. */
export function linkedOperation(): Operation | null {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const query = fragment.get('query')
  // GraphiQL stores the tab: a reload must not open the operation again.
  if (query !== null) history.replaceState(null, '', location.pathname)
  window.addEventListener('hashchange', () => {
    location.reload()
  })
  return query === null ? null : { query, variables: fragment.get('variables') ?? '' }
}
