/** What the server says of itself, in the page. */

export const DEMO_ROLES = ['admin', 'staff', 'organizer', 'customer'] as const
export type DemoRole = (typeof DEMO_ROLES)[number]

export type Settings = {
  /** Whether the dashboard is served. */
  dashboard: boolean
  /** Whether GraphiQL is served. */
  graphiql: boolean
  /** A token for each role; only of a demo. */
  tokens: Partial<Record<DemoRole, string>>
  /** Whose tickets there are; only of a demo. */
  ticketReport: { eventIds: string[]; mobileAppId: string }
}

const given = document.getElementById('settings')?.textContent ?? '{}'

export const settings: Settings = {
  dashboard: true,
  graphiql: true,
  tokens: {},
  ticketReport: { eventIds: [], mobileAppId: '' },
  ...(JSON.parse(given) as Partial<Settings>),
}

export const demo = DEMO_ROLES.filter((role) => role in settings.tokens)
