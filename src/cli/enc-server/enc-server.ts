// enc-server: the operator's program, which runs or checks a vault.
import { serverHints } from '../program/hints.js'
import { rootCommand, runProgram, type Session, withExamples } from '../program/program.js'
import type { Terminal } from '../terminal/terminal.js'
import { addDoctor, type Diagnose } from './doctor.js'
import { addInspect, type OpenStore } from './inspect.js'
import { addKeyring, type KeyringTools } from './keyring.js'
import { addUp, type StartVault } from './up.js'

/** Functions of the services that enc-server calls. They are passed in, since src/cli imports only the services' clients. */
export interface ServiceTools extends KeyringTools {
  openStore: OpenStore
  startVault: StartVault
  diagnose: Diagnose
}

const examples = [
  'enc-server up                       run the whole vault in this process',
  'enc-server doctor                   check the configuration, keyring and store',
  'enc-server keyring init             create the keyring before the first start, to back it up',
  'enc-server keyring verify --backend compare the keyring with the store of the running back end',
  'enc-server inspect data/backend     show what the back end has on disk',
]

/** Runs enc-server and returns its exit code. */
export function encServer(terminal: Terminal, tools: ServiceTools): Promise<number> {
  const build = (session: Session) => {
    const program = rootCommand('enc-server').description('Runs, checks and sets up an encrypted record vault.')
    addUp(withExamples(program, examples), tools.startVault, session)
    addDoctor(program, tools.diagnose, session)
    addKeyring(program, tools, session)
    addInspect(program, tools.openStore, session)
    return program
  }
  return runProgram({ build, hints: serverHints }, terminal)
}
