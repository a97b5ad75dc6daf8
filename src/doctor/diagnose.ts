// What `enc-server doctor` looks at.
import { existsSync } from 'node:fs'
import { backendClient } from '../backend/client.js'
import { type BackendConfig, backendSchema } from '../backend/config.js'
import type { Diagnose } from '../cli/enc-server/doctor.js'
import { unreachableMessage } from '../cli/options/connection.js'
import type { ChannelConfig } from '../core/client/channel.js'
import { newCall } from '../core/client/client.js'
import { loadConfig } from '../core/config/config.js'
import { bindAddress } from '../core/tls/listen.js'
import { version } from '../core/version.js'
import { frontendClient } from '../frontend/client.js'
import { backendChannel, type FrontendConfig, frontendSchema } from '../frontend/config.js'
import { checkFormat } from '../frontend/upstream/readiness.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { lookAtKeyring } from './keyring.js'
import { type Look, look, ok, warning } from './look.js'
import { ask, timeoutMs } from './server.js'
import { lookAtStore } from './store.js'

export const diagnose: Diagnose = async function* (sources) {
  yield await look('version', async () => ok(`enc-server ${version}, Node ${process.version}`))
  const { frontend, backend } = loadConfig<{ frontend: FrontendConfig; backend: BackendConfig }>(
    { ...frontendSchema, ...backendSchema },
    sources,
  )
  yield await look('configuration', async () => lookAtFile(sources.file.path))
  const store = await look('store', () => lookAtStore(backend))
  yield store
  let bound: GetStoreInfoResponse | undefined
  const { address } = frontend.backend
  const back = await look('back end', async () => {
    bound = await storeInfo(backendChannel(frontend))
    return ok(`${address}: format ${bound.format}, ${boundText(bound)}`)
  })
  const front = await look('front end', () => frontEnd(frontend))
  yield await look('keyring', () => lookAtKeyring(frontend, { bound, store, front }))
  // A front end that answers has its back end: in its own process, if none listens.
  const within = front.state === 'ok' && back.found.startsWith(unreachableMessage(address))
  yield within ? { ...back, ...ok('none listens: the front end has it in its own process') } : back
  yield front
}

/** One that is required and not there has ended it all before. */
function lookAtFile(path: string): Look {
  return existsSync(path) ? ok(path) : warning(`there is no ${path}: what nothing else sets is as by default`)
}

async function storeInfo(channel: ChannelConfig): Promise<GetStoreInfoResponse> {
  const { methods, close } = backendClient(channel)
  try {
    const asked = { channel, what: 'a back end', setting: 'frontend.backend.address', program: 'beserver' }
    const info = await ask(asked, () => methods.getStoreInfo({}, newCall({ timeoutMs })))
    checkFormat(info)
    return info
  } finally {
    close()
  }
}

function boundText({ keyringId }: GetStoreInfoResponse): string {
  return keyringId.length > 0 ? `bound to keyring ${keyringId.toString('hex')}` : 'bound to none yet'
}

async function frontEnd(config: FrontendConfig): Promise<Look> {
  if (config.tls.certFile !== '') return warning('it wants TLS: `feclient --tls-ca ...` tells whether it answers')
  if (config.port === 0) return warning('frontend.port is 0, a free one at each start: it prints which')
  const address = bindAddress(config)
  const client = frontendClient({ address })
  try {
    const setting = 'frontend.host and frontend.port'
    const asked = { channel: { address }, what: 'a front end', setting, program: 'feserver' }
    await ask(asked, () => client.listRecords({ userId: 'doctor', pageSize: 1 }, { timeoutMs }))
    return ok(`${address} answers`)
  } finally {
    client.close()
  }
}
