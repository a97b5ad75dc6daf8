// enc-server keyring: the commands about the front end's keyring.
import type { Command } from 'commander'
import { type Session, withExamples } from '../program/program.js'
import { addKeyringInit, type CreateKeyring } from './keyring-init.js'
import { addKeyringUnbind, type UnbindKeys } from './keyring-unbind.js'
import { addKeyringVerify, type VerifyKeyring } from './keyring-verify.js'

/** The functions of the services that the commands call. */
export interface KeyringTools {
  createKeyring: CreateKeyring
  verifyKeyring: VerifyKeyring
  unbindKeys: UnbindKeys
}

const examples = ['enc-server keyring init', 'enc-server keyring verify --keyring backup/keyring.json --backend']

/** Adds `enc-server keyring` and its commands. */
export function addKeyring(program: Command, tools: KeyringTools, session: Session): void {
  const keyring = program.command('keyring').description("Create or verify the front end's keyring.")
  addKeyringInit(withExamples(keyring, examples), tools.createKeyring, session)
  addKeyringVerify(keyring, tools.verifyKeyring, session)
  addKeyringUnbind(keyring, tools.unbindKeys, session)
}
