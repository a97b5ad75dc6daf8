// What `enc-server doctor` looks at.
import { backendClient } from '../src/backend/client.js'
import { type BackendConfig, backendSchema } from '../src/backend/config.js'
import { storePlace } from '../src/backend/open-store.js'
import type { Diagnose, Finding } from '../src/cli/doctor.js'
import { newCall } from '../src/core/client.js'
import { loadConfig } from '../src/core/config.js'
import { reasons } from '../src/core/errors.js'
import { bindAddress } from '../src/core/listen.js'
import { version } from '../src/core/version.js'
import { frontendClient } from '../src/frontend/client.js'
import { type FrontendConfig, frontendSchema } from '../src/frontend/config.js'
import { readKeyring } from '../src/frontend/keyring-file.js'
import { checkStore } from '../src/frontend/readiness.js'

type Look = Omit<Finding, 'what'>

const timeoutMs = 2_000
const ok = (found: string): Look => ({ state: 'ok', found })
const warning = (found: string): Look => ({ state: 'warning', found })

async function look(what: string, at: () => Promise<Look>): Promise<Finding> {
  try {
    return { what, ...(await at()) }
  } catch (error) {
    return { what, state: 'error', found: (error as Error).message }
  }
}

export const diagnose: Diagnose = async function* (sources) {
  yield await look('version', async () => ok(`enc-server ${version}, Node ${process.version}`))
  const { frontend, backend } = loadConfig<{ frontend: FrontendConfig; backend: BackendConfig }>(
    { ...frontendSchema, ...backendSchema },
    sources,
  )
  yield await look('configuration', async () => ok(sources.file.path))
  yield await look('store', async () => ok(`${backend.store}: ${storePlace(backend)}`))
  yield await look('keyring', () => keyring(frontend))
  const front = await look('front end', () => frontEnd(frontend))
  const back = await look('back end', () => backEnd(frontend))
  // A front end that answers has its back end: in its own process, if none listens.
  const within = front.state === 'ok' && back.found === reasons.UNREACHABLE.message
  yield within ? { ...back, ...ok('none listens: the front end has it in its own process') } : back
  yield front
}

async function keyring({ keyringFile, realm }: FrontendConfig): Promise<Look> {
  const found = await readKeyring(keyringFile)
  if (found === null) return warning(`none in ${keyringFile}: the first start makes it if the store is empty`)
  if (found.realm !== realm) throw new Error(`${keyringFile} is of realm ${found.realm}, configured is ${realm}`)
  return ok(`${keyringFile}: id ${found.keyringId.toString('hex')}, realm ${found.realm}`)
}

async function backEnd({ backend, keyringFile }: FrontendConfig): Promise<Look> {
  const { methods, close } = backendClient(backend)
  try {
    const store = await methods.getStoreInfo({}, newCall({ timeoutMs }))
    const own = await readKeyring(keyringFile).catch(() => null) // told in its own line
    if (own !== null) checkStore(store, own.keyringId)
    const bound =
      store.keyringId.length > 0 ? `bound to keyring ${store.keyringId.toString('hex')}` : 'bound to none yet'
    return ok(`${backend.address}: format ${store.format}, ${bound}`)
  } finally {
    close()
  }
}

async function frontEnd(config: FrontendConfig): Promise<Look> {
  if (config.tls.certFile !== '') return warning('it wants TLS: `feclient --tls-ca ...` tells whether it answers')
  const address = bindAddress(config)
  const client = frontendClient({ address })
  try {
    await client.listRecords({ userId: 'doctor', pageSize: 1 }, { timeoutMs })
    return ok(`${address} answers`)
  } finally {
    client.close()
  }
}
