/** The plugin that lists the examples in GraphiQL's sidebar. */

import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react'
import { examples, type Example } from './examples'

function Icon() {
  return (
    <svg viewBox="0 0 24 24" height="1em" fill="none" stroke="currentColor" strokeWidth="1.5">
      <path d="M9 18h6M10 21h4M12 3a6 6 0 0 0-4 10.5c.8.7 1 1.5 1 2.5h6c0-1 .2-1.8 1-2.5A6 6 0 0 0 12 3Z" />
    </svg>
  )
}

function Examples() {
  const actions = useGraphiQLActions()
  const query = useGraphiQL((state) => state.queryEditor)
  const variables = useGraphiQL((state) => state.variableEditor)
  const open = (example: Example) => {
    actions.addTab()
    query?.setValue(example.query)
    variables?.setValue(example.variables ?? '')
  }
  return (
    <section className="examples" aria-label="Examples">
      <h2>Examples</h2>
      {examples.map((example) => (
        <button
          key={example.name}
          type="button"
          onClick={() => {
            open(example)
          }}
        >
          {example.name}
        </button>
      ))}
    </section>
  )
}

export const EXAMPLES: GraphiQLPlugin = { title: 'Examples', icon: Icon, content: Examples }
