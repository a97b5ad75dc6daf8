// enc-server keyring init: makes the keyring before the first start, on a machine that may be offline.
import type { Command } from 'commander'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote } from '../terminal/output.js'

/** Makes a keyring file; throws, and changes nothing, when there is one or the realm can be none. */
export type CreateKeyring = (path: string, realm: string) => Promise<void>

interface InitFlags {
  file: string
  realm: string
}

export function addKeyring(program: Command, createKeyring: CreateKeyring, session: Session): void {
  const keyring = program.command('keyring').description("Look after the front end's keyring.")
  const command = keyring
    .command('init')
    .description('Make a keyring. An existing one is left as it is.')
    .option('--file <file>', 'where it is to be: set frontend.keyringFile to the same', 'data/frontend/keyring.json')
    .option('--realm <name>', 'name of the vault, 1 to 128 bytes: set frontend.realm to the same', 'default')
  const examples = ['enc-server keyring init', 'enc-server keyring init --file /secure/keyring.json --realm prod']
  withExamples(keyring, examples)
  withExamples(command, examples).action((flags: InitFlags) => init(flags, createKeyring, session))
}

async function init({ file, realm }: InitFlags, createKeyring: CreateKeyring, { terminal }: Session): Promise<void> {
  await createKeyring(file, realm)
  printLine(file, terminal)
  printNote(`a new keyring of realm ${realm}, readable by you alone`, terminal)
  printNote('back it up now, and not beside the store: without it no record can ever be opened again', terminal)
  printNote('next: set frontend.keyringFile and frontend.realm to these, then start feserver', terminal)
}
