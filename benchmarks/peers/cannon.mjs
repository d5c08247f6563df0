/** The load: what is asked comes as JSON on the standard input, what was measured goes out as JSON. */

import { text } from 'node:stream/consumers'
import autocannon from 'autocannon'

const { url, method, token, body, connections, amount, seconds } = JSON.parse(
  await text(process.stdin)
)

const times = []
const started = performance.now()
let last = started
const shot = autocannon({
  url,
  method,
  body,
  connections,
  ...(amount ? { amount } : { duration: seconds }),
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  timeout: 60,
  // GraphQL says 200 to many a failure.
  verifyBody: (answer) => !answer.includes('"errors"'),
  // How often it looks whether it has ended.
  sampleInt: 50
})
// Its own latencies are whole milliseconds.
shot.on('response', (client, status, bytes, milliseconds) => {
  times.push(milliseconds)
  last = performance.now()
})
const { '2xx': good, errors, timeouts, non2xx, mismatches } = await shot

times.sort((a, b) => a - b)
const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
console.log(
  JSON.stringify({
    requests: good,
    failed: errors + timeouts + non2xx + mismatches,
    seconds: (last - started) / 1000,
    p50: at(0.5),
    p99: at(0.99)
  })
)
