// enc-server keyring init: creates the keyring before the first start, on a machine that may be offline.
import type { Command } from 'commander'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote } from '../terminal/output.js'

/** Creates a keyring file. Throws INVALID_REQUEST if the file exists or the realm is invalid. */
export type CreateKeyring = (path: string, realm: string) => Promise<void>

interface InitFlags {
  file: string
  realm: string
}

/** Adds `enc-server keyring init`. */
export function addKeyringInit(keyring: Command, createKeyring: CreateKeyring, session: Session): void {
  const command = keyring
    .command('init')
    .description('Create a keyring. An existing file is not changed.')
    .option('--file <file>', 'the new file; set frontend.keyringFile to the same path', 'data/frontend/keyring.json')
    .option('--realm <name>', 'name of the vault, 1 to 128 bytes; set frontend.realm to the same name', 'default')
  const examples = ['enc-server keyring init', 'enc-server keyring init --file /secure/keyring.json --realm prod']
  withExamples(command, examples).action((flags: InitFlags) => init(flags, createKeyring, session))
}

async function init({ file, realm }: InitFlags, createKeyring: CreateKeyring, { terminal }: Session): Promise<void> {
  await createKeyring(file, realm)
  await printLine(file, terminal, { done: `created the keyring ${file}` })
  printNote(`created a keyring of realm ${realm}, readable by you only`, terminal)
  printNote('back it up now, apart from the store: without it no record can be opened', terminal)
  printNote('next: set frontend.keyringFile and frontend.realm to these values, then start feserver', terminal)
}
