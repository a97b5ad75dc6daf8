// What `enc-server doctor` says of the keyring. One that is not there is nothing before the first write, and all there is
// to lose after it.
import { stat } from 'node:fs/promises'
import type { Finding } from '../cli/enc-server/doctor.js'
import type { FrontendConfig } from '../frontend/config.js'
import { readKeyring } from '../frontend/keys/keyring-file.js'
import { checkStore } from '../frontend/upstream/readiness.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { type Look, ok, warning } from './look.js'
import { noStoreYet } from './store.js'

export interface Surroundings {
  /** As the back end describes it; undefined when none answers. */
  bound: GetStoreInfoResponse | undefined
  /** As it looks from outside. */
  store: Finding
  front: Finding
}

export async function lookAtKeyring({ keyringFile, realm }: FrontendConfig, around: Surroundings): Promise<Look> {
  const found = await readKeyring(keyringFile).catch(async (error: Error) => {
    const isEmpty = await stat(keyringFile).then(
      ({ size }) => size === 0,
      () => false,
    )
    throw new Error(isEmpty ? emptyText(keyringFile, around) : unreadable(keyringFile, error))
  })
  if (found === null) return withoutKeyring(keyringFile, around)
  if (found.realm !== realm)
    throw new Error(
      `${keyringFile} is of realm ${found.realm}, configured is ${realm}: set frontend.realm to the former`,
    )
  if (around.bound !== undefined) checkStore(around.bound, found.keyringId)
  return ok(`${keyringFile}: id ${found.keyringId.toString('hex')}, realm ${found.realm}`)
}

function emptyText(keyringFile: string, { bound }: Surroundings): string {
  const isUnused = bound?.empty && bound.keyringId.length === 0
  return `${keyringFile} is empty: ${isUnused ? 'remove it, the first start makes one' : 'restore it from its backup'}`
}

/** What hinders, which names the file, and what to do. */
function unreadable(keyringFile: string, { message }: Error): string {
  if (!message.includes(keyringFile)) return `${keyringFile}: ${message}`
  if (/\(E(ACCES|PERM)\)$/.test(message)) return `${message}: run this as the user of the front end`
  return /chmod/.test(message) ? message : `${message}: correct frontend.keyringFile`
}

function withoutKeyring(keyringFile: string, { bound, store, front }: Surroundings): Look {
  const none = `there is no keyring in ${keyringFile}`
  const restore = 'restore it from its backup'
  if (bound !== undefined && bound.keyringId.length > 0)
    throw new Error(`${none}, but the store is bound to keyring ${bound.keyringId.toString('hex')}: ${restore}`)
  if (bound !== undefined && !bound.empty) throw new Error(`${none}, but the store has records: ${restore}`)
  if (bound === undefined && front.state === 'ok')
    throw new Error(`${none}, though a front end runs with one: ${restore} before that stops`)
  if (bound === undefined && !store.found.includes(noStoreYet))
    return warning(`${none}, and there may be records already: if so, ${restore}`)
  return warning(`${none} yet: the first start makes it`)
}
