// The operator's program: what is done beside the running services.

import { serverHints } from '../program/hints.js'
import { rootCommand, runProgram, type Session, withExamples } from '../program/program.js'
import type { Terminal } from '../terminal/terminal.js'
import { addDoctor, type Diagnose } from './doctor.js'
import { addInspect, type OpenStore } from './inspect.js'
import { addKeyring, type CreateKeyring } from './keyring-init.js'
import { addUp, type StartVault } from './up.js'

/** What it needs of the services; this folder imports only their clients. */
export interface ServiceTools {
  createKeyring: CreateKeyring
  openStore: OpenStore
  startVault: StartVault
  diagnose: Diagnose
}

const examples = [
  'enc-server up                       run the whole vault in this process',
  'enc-server doctor                   see what is there, and what does not fit',
  'enc-server keyring init             make the keyring before the first start, and back it up',
  'enc-server inspect data/backend     see what the back end has on disk',
]

/** Runs the program and returns its exit code. */
export function encServer(terminal: Terminal, tools: ServiceTools): Promise<number> {
  const build = (session: Session) => {
    const program = rootCommand('enc-server', session).description('Looks after an encrypted record vault.')
    addUp(withExamples(program, examples), tools.startVault, session)
    addDoctor(program, tools.diagnose, session)
    addKeyring(program, tools.createKeyring, session)
    addInspect(program, tools.openStore, session)
    return program
  }
  return runProgram({ build, hints: serverHints }, terminal)
}
