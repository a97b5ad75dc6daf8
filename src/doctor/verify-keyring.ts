// The checks of `enc-server keyring verify`: the keyring file by itself, then each of its keys against a store. They change
// nothing but the checksums of the file, and those only when asked.
import { type BackendConfig, backendSchema } from '../backend/config.js'
import { type ConfigSources, loadConfig } from '../core/config/config.js'
import { backendChannel, type FrontendConfig, frontendSchema } from '../frontend/config.js'
import { randomSource } from '../frontend/crypto/random.js'
import { identityOf, type Keyring } from '../frontend/keys/keyring.js'
import { readKeyring, writeChecksums } from '../frontend/keys/keyring-file.js'
import { checkFormat, checkKeyringId, checkStore, compareKeys, wrongKeyText } from '../frontend/upstream/store-check.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { type CheckResult, type Finding, ok, runCheck, warning } from './finding.js'
import { keyringFinding } from './keyring.js'
import { readLevelMeta } from './level-meta.js'
import { fetchStoreInfo } from './server.js'

/** The store to compare with: of a running back end, in the data folder of a stopped one, or none. */
export interface KeyringComparison {
  store: 'backend' | 'dataDir' | undefined
  writeChecksums: boolean
}

interface Configs {
  frontend: FrontendConfig
  backend: BackendConfig
}

/** Runs all checks; after an error, those that need its result are left out. */
export async function* verifyKeyring(sources: ConfigSources, comparison: KeyringComparison): AsyncGenerator<Finding> {
  const configs = loadConfig<Configs>({ ...frontendSchema, ...backendSchema }, sources)
  const { keyringFile } = configs.frontend
  let info: GetStoreInfoResponse | undefined
  if (comparison.store !== undefined) {
    const finding = await runCheck('store', async () => {
      info = await readStore(configs, comparison.store)
      checkFormat(info)
      return ok(`format ${info.format}, ${info.keyChecks.length} keys`)
    })
    yield finding
    if (finding.state === 'error') return
  }
  if (comparison.writeChecksums) {
    const written = await runCheck('checksum', () => renewChecksums(keyringFile, info))
    yield written
    if (written.state === 'error') return
  }
  let keyring: Keyring | undefined
  yield await runCheck('keyring', async () => {
    keyring = (await readKeyring(keyringFile)) ?? missing(keyringFile)
    if (info !== undefined) checkKeyringId(info, identityOf(keyring))
    return keyringFinding(keyringFile, keyring)
  })
  if (keyring !== undefined && info !== undefined) yield* keyFindings(info, keyring)
}

function missing(keyringFile: string): never {
  throw new Error(`there is no keyring in ${keyringFile}: name it with --keyring`)
}

function readStore({ frontend, backend }: Configs, store: KeyringComparison['store']): Promise<GetStoreInfoResponse> {
  return store === 'dataDir' ? readLevelMeta(backend.dataDir) : fetchStoreInfo(backendChannel(frontend))
}

async function renewChecksums(keyringFile: string, info: GetStoreInfoResponse | undefined): Promise<CheckResult> {
  const check = async (keyring: Keyring) => {
    if (info !== undefined) checkStore(info, identityOf(keyring))
  }
  await writeChecksums(keyringFile, check, randomSource())
  return ok(`${keyringFile} has new checksums`)
}

async function* keyFindings(info: GetStoreInfoResponse, keyring: Keyring): AsyncGenerator<Finding> {
  for (const { name, state } of compareKeys(info, identityOf(keyring))) {
    yield await runCheck(name, async () => {
      if (state === 'same') return ok('this store was written with it')
      if (state === 'unbound') return warning('this store is not bound to it yet: the first write under it binds it')
      throw new Error(wrongKeyText(name, state))
    })
  }
}
