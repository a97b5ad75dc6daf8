// beclient info: shows the format of the store, and its keyring and keys, which a front end checks before it serves.
import type { Command } from 'commander'
import { isKeyCheck, keyNameOf } from '../../core/key-check.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printLines, toJson } from '../terminal/output.js'
import { addBackendFlags, type BackendFlags, withBackend } from './backend-call.js'

/** Adds `beclient info`. */
export function addInfo(program: Command, session: Session): void {
  const command = program.command('info').description('Show the format of the store and the keyring it is bound to.')
  withExamples(addBackendFlags(command), ['beclient info', 'beclient info --json']).action((flags: BackendFlags) =>
    info(flags, session),
  )
}

async function info(flags: BackendFlags, session: Session): Promise<void> {
  const { terminal } = session
  const store = await withBackend(flags, session, (methods, call) => methods.getStoreInfo({}, call()))
  if (flags.json) return await printLine(toJson(store), terminal)
  const { format, keyringId, keyChecks, empty } = store
  const keyring = keyringId.toString('hex') || 'none yet: the first write of a front end binds the store'
  const keys = keyChecks.map((check) => (isKeyCheck(check) ? keyNameOf(check) : 'a key of a later version'))
  const lines = [
    `format   ${format}`,
    `keyring  ${keyring}`,
    `keys     ${keys.join(', ') || 'none yet'}`,
    `empty    ${empty ? 'yes' : 'no'}`,
  ]
  await printLines(lines, terminal)
}
