// The signals of a server. SIGTERM and SIGINT stop it. SIGHUP stops it if it belongs to a terminal, which was closed; without a
// terminal it reloads certificates and the log level, as service managers expect. SIGUSR1 reopens the log, as programs that rotate
// logs expect.
import { closeSync, openSync } from 'node:fs'
import { printNote } from '../terminal/output.js'

/** What a running server does at a signal; neither throws. */
export interface SignalHandlers {
  reload(): void
  reopenLog(): void
}

type Signals = Pick<NodeJS.Process, 'on' | 'once' | 'exit'>

const exitCodes = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }
type StopSignal = keyof typeof exitCodes

/** True if the process has a controlling terminal: SIGHUP then says that the terminal was closed. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

function stopSignals(): StopSignal[] {
  return hasTerminal() ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT']
}

/** From now on, a signal that stops the server ends the process at once. */
export function exitOnSignal(process: Signals, name: string): void {
  for (const signal of stopSignals()) {
    process.on(signal, () => {
      printNote(`${name}: stopping at once: calls in flight are aborted`)
      process.exit(exitCodes[signal])
    })
  }
}

/** Resolves at the first signal that stops the server, after a call of `stop`; a second one ends the process at once. */
export function firstStopSignal(process: Signals, name: string, stop: () => void): Promise<void> {
  return new Promise((resolve) => {
    const first = () => {
      stop()
      resolve()
      exitOnSignal(process, name)
    }
    for (const signal of stopSignals()) process.once(signal, first)
  })
}

/** Handles the signals that do not stop a server; before `serve`, they do nothing. */
export function operatorSignals(process: Signals): { serve(handlers: SignalHandlers): void } {
  let handlers: SignalHandlers | undefined
  if (!hasTerminal()) process.on('SIGHUP', () => handlers?.reload())
  process.on('SIGUSR1', () => handlers?.reopenLog())
  return {
    serve(running) {
      handlers = running
    },
  }
}
