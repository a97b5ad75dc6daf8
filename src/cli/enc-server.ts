// The operator's program: what is done beside the running services.
import { operatorHints } from './hints.js'
import { addInspect, type OpenStore } from './inspect.js'
import { addKeyring, type CreateKeyring } from './keyring-init.js'
import { rootCommand, runProgram, type Session, withExamples } from './program.js'
import type { Terminal } from './terminal.js'

/** What it needs of the services; this folder imports only their clients. */
export interface ServiceTools {
  createKeyring: CreateKeyring
  openStore: OpenStore
}

const examples = [
  'enc-server keyring init             make the keyring before the first start, and back it up',
  'enc-server inspect data/backend     see what the back end has on disk',
]

/** Runs the program and returns its exit code. */
export function encServer(terminal: Terminal, { createKeyring, openStore }: ServiceTools): Promise<number> {
  const build = (session: Session) => {
    const program = rootCommand('enc-server', session).description('Looks after an encrypted record vault.')
    addKeyring(withExamples(program, examples), createKeyring, session)
    addInspect(program, openStore, session)
    return program
  }
  return runProgram({ build, hints: operatorHints }, terminal)
}
