/** The settings that the server writes into the page. */

export const DEMO_ROLES = ['admin', 'staff', 'organizer', 'customer'] as const
export type DemoRole = (typeof DEMO_ROLES)[number]

export type Settings = {
  /** Whether the dashboard is served. */
  dashboard: boolean
  /** Whether GraphiQL is served. */
  graphiql: boolean
  /** Whether the page of the paths is served. */
  docs: boolean
  /** A token for each role, in a demo. */
  tokens: Partial<Record<DemoRole, string>>
  /** Arguments of the ticket report that have tickets, in a demo. */
  ticketReport: { eventIds: string[]; mobileAppId: string }
}

const json = document.getElementById('settings')?.textContent ?? '{}'

export const settings: Settings = {
  dashboard: true,
  graphiql: true,
  docs: true,
  tokens: {},
  ticketReport: { eventIds: [], mobileAppId: '' },
  ...(JSON.parse(json) as Partial<Settings>),
}

export const demo = DEMO_ROLES.filter((role) => role in settings.tokens)
