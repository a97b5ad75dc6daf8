// Keeps what a process holds in memory inside it. Every program imports this file before all others: SIGUSR1 would open Node's
// debugger, and a core dump or a heap snapshot would have the keys in plain text.
import { writeFileSync } from 'node:fs'
import inspector from 'node:inspector'

/** Options of Node.js by which others can read the memory of the process. Node takes `_` for `-` in a name. */
const revealing = /(?:^|\s)(--(?:inspect|heapsnapshot|heap[-_]prof|report)[\w-]*)/

/** The option that would reveal the memory of this process; undefined if none does. */
export function revealingOption(execArgv: readonly string[], nodeOptions = ''): string | undefined {
  return revealing.exec([...execArgv, nodeOptions].join(' '))?.[1]
}

// Node opens the debugger at SIGUSR1 unless the signal has a listener; SIGUSR2 would end the process.
for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined)

try {
  writeFileSync('/proc/self/coredump_filter', '0') // core(5): a core dump has no memory
} catch {
  // Linux alone has this file. Elsewhere the operator turns core dumps off.
}

const { execArgv, env } = process
const option = revealingOption(execArgv, env['NODE_OPTIONS'])
if (option !== undefined || inspector.url() !== undefined) {
  const what = option === undefined ? 'the debugger of Node.js is open' : `${option} of Node.js is set`
  process.stderr.write(`error: ${what}, which shows keys and records in plain text; start without it\n`)
  process.exit(2)
}
