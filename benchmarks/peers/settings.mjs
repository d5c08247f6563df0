/** What Headcount reads from the environment, too, and the commands that it was seen to send. */

import { readFile } from 'node:fs/promises'
import { BSON } from 'mongodb'

const given = (name) => {
  const value = process.env[`HEADCOUNT_${name}`]
  if (!value) throw new Error(`HEADCOUNT_${name} is not set`)
  return value
}

export const uri = given('MONGODB_URI')
export const database = given('DATABASE')
export const secret = given('JWT_SECRET')
export const port = Number(given('PORT'))

/** Root field → Headcount's `aggregate` commands for it, with the types that it sent them in. */
export const commands = BSON.EJSON.parse(await readFile(given('COMMANDS'), 'utf8'), { relaxed: false })
