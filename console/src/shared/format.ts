/** Formats numbers, dates and times in the language of the browser. */

const integers = new Intl.NumberFormat()
const compacts = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
const amounts = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
})
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 })
const percents = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const days = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' })
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const times = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const dateTimes = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
// The page is in English.
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' })

export const count = (value: number): string => integers.format(value)
export const compact = (value: number): string => compacts.format(value)
/** An amount in major units, without a currency: totals may add several currencies. */
export const money = (value: number): string => amounts.format(value)
export const number = (value: number): string => numbers.format(value)
export const percent = (value: number): string => `${percents.format(value)} %`
/** A calendar day, `2026-04-15`. */
export const day = (value: string): string => days.format(new Date(`${value}T00:00:00Z`))
export const date = (value: string): string => dates.format(new Date(value))
export const time = (value: number): string => times.format(value)
export const dateTime = (value: string): string => dateTimes.format(new Date(value))

/** The time relative to now, as `in 3 hours`. */
export function fromNow(value: string, now: number): string {
  const seconds = (Date.parse(value) - now) / 1000
  const size = Math.abs(seconds)
  if (size < 90) return relative.format(Math.round(seconds), 'second')
  if (size < 5400) return relative.format(Math.round(seconds / 60), 'minute')
  if (size < 129_600) return relative.format(Math.round(seconds / 3600), 'hour')
  return relative.format(Math.round(seconds / 86_400), 'day')
}

/** A name of the API in words: `paymentInfoEntered` becomes `Payment info entered`. */
export function words(name: string): string {
  const spaced = name.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ')
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase()
}
