/** Links from the dashboard to GraphiQL, with the operation that they open. */

export type Operation = { query: string; variables: string }

/** In the fragment, which is not sent to the server: nothing is logged. */
export function graphiql(query: string, variables: object): string {
  const given = { query: query.trim(), variables: JSON.stringify(variables, null, 2) }
  return `graphql#${new URLSearchParams(given).toString()}`
}

/** The operation that the page was opened with. */
export function opened(): Operation | null {
  const given = new URLSearchParams(location.hash.slice(1))
  const query = given.get('query')
  return query === null ? null : { query, variables: given.get('variables') ?? '' }
}
