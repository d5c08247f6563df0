/** The workers of Monaco: one for GraphQL, and the JSON worker for all other languages. */

import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker'
import JsonWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker'

window.MonacoEnvironment = {
  getWorker: (_: string, label: string) =>
    label === 'graphql' ? new GraphQLWorker() : new JsonWorker(),
}
