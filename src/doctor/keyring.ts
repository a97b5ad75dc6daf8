// The check of the keyring. A missing keyring is normal before the first write; after it, the loss of the keyring is the loss of
// all records.
import { stat } from 'node:fs/promises'
import type { FrontendConfig } from '../frontend/config.js'
import { identityOf, type Keyring } from '../frontend/keys/keyring.js'
import { readKeyring } from '../frontend/keys/keyring-file.js'
import { checkStore } from '../frontend/upstream/store-check.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { type CheckResult, type Finding, ok, warning } from './finding.js'
import { missingStore } from './store.js'

/** Other findings, which decide what a missing keyring means. */
export interface KeyringContext {
  /** The store as the back end describes it; undefined if no back end answers. */
  storeInfo: GetStoreInfoResponse | undefined
  storeFinding: Finding
  frontendFinding: Finding
}

/** Checks that the keyring can be read, has the configured realm and belongs to the store; an error names the key that does not. */
export async function checkKeyring(
  { keyringFile, realm }: FrontendConfig,
  context: KeyringContext,
): Promise<CheckResult> {
  const keyring = await readKeyring(keyringFile).catch(async (error: Error) => {
    const isEmpty = await stat(keyringFile).then(
      ({ size }) => size === 0,
      () => false,
    )
    throw new Error(isEmpty ? emptyFile(keyringFile, context) : unreadableFile(keyringFile, error))
  })
  if (keyring === null) return missingFile(keyringFile, context)
  if (keyring.realm !== realm)
    throw new Error(
      `${keyringFile} is of realm ${keyring.realm}, configured is ${realm}: set frontend.realm to ${keyring.realm}`,
    )
  if (context.storeInfo !== undefined) checkStore(context.storeInfo, identityOf(keyring))
  return keyringFinding(keyringFile, keyring)
}

/** The finding for a keyring that is not wrong; a file without a checksum is a warning. */
export function keyringFinding(keyringFile: string, { keyringId, realm, hasChecksum }: Keyring): CheckResult {
  const found = `${keyringFile}: id ${keyringId.toString('hex')}, realm ${realm}`
  if (hasChecksum) return ok(found)
  const advice = '`enc-server keyring verify --write-checksum` adds it'
  return warning(`${found}; it has no checksum, so a changed character could go unnoticed: ${advice}`)
}

/** The id of the keyring in the file; undefined if it has none or cannot be read, which `checkKeyring` reports. */
export async function ownKeyringId(keyringFile: string): Promise<Buffer | undefined> {
  const keyring = await readKeyring(keyringFile).catch(() => null)
  return keyring?.keyringId
}

function emptyFile(keyringFile: string, { storeInfo }: KeyringContext): string {
  const isUnused = storeInfo?.empty && storeInfo.keyringId.length === 0
  const advice = isUnused ? 'remove it, and the first start creates one' : 'restore it from its backup'
  return `${keyringFile} is empty: ${advice}`
}

function unreadableFile(keyringFile: string, { message }: Error): string {
  if (!message.includes(keyringFile)) return `${keyringFile}: ${message}`
  if (/\(E(ACCES|PERM)\)$/.test(message)) return `${message}: run this as the user of the front end`
  return /chmod|backup/.test(message) ? message : `${message}: correct frontend.keyringFile`
}

function missingFile(keyringFile: string, { storeInfo, storeFinding, frontendFinding }: KeyringContext): CheckResult {
  const missing = `there is no keyring in ${keyringFile}`
  const restore = 'restore it from its backup'
  if (storeInfo !== undefined && storeInfo.keyringId.length > 0)
    throw new Error(`${missing}, but the store is bound to keyring ${storeInfo.keyringId.toString('hex')}: ${restore}`)
  if (storeInfo !== undefined && !storeInfo.empty) throw new Error(`${missing}, but the store has records: ${restore}`)
  if (storeInfo === undefined && frontendFinding.state === 'ok')
    throw new Error(`${missing}, but a front end runs with one: ${restore} before that front end stops`)
  if (storeInfo === undefined && !storeFinding.found.includes(missingStore))
    return warning(`${missing}, and the store may have records: if so, ${restore}`)
  return warning(`${missing} yet: the first start creates it`)
}
