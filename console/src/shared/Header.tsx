/** The header of all pages: the page's name, the token and the viewer. */

import { useId, useState, type ReactNode } from 'react'
import { dateTime, fromNow } from './format'
import icon from './icon.svg'
import { changeSession, useSession } from './session'
import { demo } from './settings'
import { useNow } from './useNow'
import { useViewer, type Viewer } from './viewer'

import './header.css'

export function Header({ page, children }: { page: string; children: ReactNode }) {
  return (
    <header className="header">
      <img src={icon} alt="" width="28" height="28" />
      <h1>
        Headcount <span>{page}</span>
      </h1>
      {demo.length > 0 && <DemoRoles />}
      <Token />
      <nav aria-label="Pages">{children}</nav>
    </header>
  )
}

function DemoRoles() {
  const { role } = useSession()
  const name = useId()
  return (
    <fieldset className="segments">
      <legend>View as</legend>
      {[...demo, null].map((each) => (
        <label key={each ?? 'own'}>
          <input
            type="radio"
            name={name}
            checked={role === each}
            onChange={() => {
              changeSession({ role: each })
            }}
          />
          <span>{each ?? 'own token'}</span>
        </label>
      ))}
    </fieldset>
  )
}

function Token() {
  const { role, own, token } = useSession()
  const now = useNow()
  const { viewer, problem, refused } = useViewer()
  const state = token === '' ? 'none' : refused ? 'bad' : viewer ? 'good' : 'loading'
  const [chosen, choose] = useState({ state: '', open: false })
  // Open if a token is missing or rejected, unless the user has toggled it in this state.
  const open = chosen.state === state ? chosen.open : state === 'none' || state === 'bad'
  return (
    <details
      className="token"
      open={open}
      onToggle={({ currentTarget }) => {
        if (currentTarget.open !== open) choose({ state, open: currentTarget.open })
      }}
      onKeyDown={({ key }) => {
        if (key === 'Escape') choose({ state, open: false })
      }}
    >
      <summary>
        <Who viewer={viewer} problem={problem} refused={refused} token={token} now={now} />
      </summary>
      <div className="token-box">
        {role === null && <OwnToken own={own} />}
        {problem !== undefined && <p role="alert">{problem}</p>}
        {viewer && <Rights viewer={viewer} now={now} />}
      </div>
    </details>
  )
}

type WhoProps = {
  viewer: Viewer | undefined
  problem: string | undefined
  refused: boolean
  token: string
  now: number
}

function Who({ viewer, problem, refused, token, now }: WhoProps) {
  if (token === '') return <>No token yet</>
  if (refused) return <span className="bad">This token is not accepted</span>
  if (problem !== undefined) return <span className="bad">No response</span>
  if (!viewer) return <>…</>
  const ended = viewer.expiresAt != null && Date.parse(viewer.expiresAt) <= now
  return (
    <>
      <strong>{viewer.subject ?? 'no subject'}</strong> · {viewer.role}
      {viewer.expiresAt != null && (
        <span className={ended ? 'bad' : 'faint'}>
          {' '}
          · {ended ? 'expired' : 'expires'} {fromNow(viewer.expiresAt, now)}
        </span>
      )}
    </>
  )
}

function OwnToken({ own }: { own: string }) {
  const id = useId()
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        const input = new FormData(event.currentTarget).get('token')
        // A token that is copied from a header has a prefix.
        const token = typeof input === 'string' ? input.trim().replace(/^Bearer\s+/i, '') : ''
        changeSession({ role: null, own: token })
      }}
    >
      <label htmlFor={id}>Token</label>
      <input
        key={own}
        id={id}
        name="token"
        type="password"
        defaultValue={own}
        autoComplete="off"
        spellCheck={false}
        pattern="\s*([Bb]earer\s+)?[\w.=~+\/\-]*\s*"
        title="A token consists of letters, digits, dots, hyphens and underscores."
      />
      <button type="submit">Use it</button>
      {own !== '' && (
        <button
          type="button"
          onClick={() => {
            changeSession({ own: '' })
          }}
        >
          Forget it
        </button>
      )}
      <small>
        A JSON Web Token, for example from <code>headcount token --role admin</code>. The browser
        stores it for this tab only, until the tab is closed.
      </small>
    </form>
  )
}

function Rights({ viewer, now }: { viewer: Viewer; now: number }) {
  return (
    <dl>
      <dt>Subject</dt>
      <dd>{viewer.subject ?? 'none'}</dd>
      <dt>Role</dt>
      <dd>{viewer.role}</dd>
      <dt>Permissions</dt>
      <dd>{viewer.permissions.length > 0 ? viewer.permissions.join(', ') : 'none'}</dd>
      {viewer.organizerId != null && (
        <>
          <dt>Organizer</dt>
          <dd>{viewer.organizerId}</dd>
        </>
      )}
      <dt>Expires</dt>
      <dd>
        {viewer.expiresAt == null
          ? 'never'
          : `${dateTime(viewer.expiresAt)} (${fromNow(viewer.expiresAt, now)})`}
      </dd>
    </dl>
  )
}
