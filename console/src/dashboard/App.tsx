/** The dashboard: panels, each with its own operation. */

import { useState, type ReactNode } from 'react'
import { Header } from '../shared/Header'
import { useSession } from '../shared/session'
import { demo, settings } from '../shared/settings'
import { useViewer } from '../shared/viewer'
import { Live } from './live'
import { Behaviour } from './panels/Behaviour'
import { Events } from './panels/Events'
import { Metrics } from './panels/Metrics'
import { Orders } from './panels/Orders'
import { Overview } from './panels/Overview'
import { PromoCodes } from './panels/PromoCodes'

export function App() {
  const [live, setLive] = useState(true)
  const { token } = useSession()
  return (
    <Live value={live}>
      <Header page="Dashboard">
        {token !== '' && <LiveSwitch live={live} setLive={setLive} />}
        {settings.graphiql && <a href="graphql">GraphiQL</a>}
        {settings.docs && <a href="docs">REST API</a>}
      </Header>
      <main>
        <Panels />
      </main>
    </Live>
  )
}

function Panels() {
  const { token } = useSession()
  const { problem, refused } = useViewer()
  if (token === '')
    return (
      <Notice title="A token is required">
        Enter a token in the field at the top. On the server,{' '}
        <code>headcount token --role admin</code> prints one.
      </Notice>
    )
  if (refused)
    return (
      <Notice title="This token is not accepted">
        {problem} {demo.length > 0 && 'Reload the page to get new tokens of the demo.'}
      </Notice>
    )
  if (problem !== undefined)
    return <Notice title="No response">{problem} The page retries every 5 s.</Notice>
  return (
    <div className="panels">
      <Overview />
      <Events />
      <Orders />
      <PromoCodes />
      <Behaviour />
      <Metrics />
    </div>
  )
}

function Notice({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="notice">
      <h2>{title}</h2>
      <p>{children}</p>
    </section>
  )
}

function LiveSwitch({ live, setLive }: { live: boolean; setLive: (live: boolean) => void }) {
  return (
    <label className="live">
      <input
        type="checkbox"
        checked={live}
        onChange={({ target }) => {
          setLive(target.checked)
        }}
      />
      Live
    </label>
  )
}
