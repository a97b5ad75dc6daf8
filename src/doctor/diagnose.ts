// The checks of `enc-server doctor`: configuration, store, keyring and services, and whether they belong together. They change
// nothing.
import { existsSync } from 'node:fs'
import { type BackendConfig, backendSchema } from '../backend/config.js'
import { unreachableMessage } from '../core/client/connection-error.js'
import { type ConfigSources, loadConfig } from '../core/config/config.js'
import { version } from '../core/version.js'
import { backendChannel, type FrontendConfig, frontendSchema } from '../frontend/config.js'
import { checkFormat } from '../frontend/upstream/store-check.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'
import { type CertificateFile, checkCertificates } from './certificates.js'
import { type CheckResult, type Finding, ok, runCheck, warning } from './finding.js'
import { checkFrontend, type FrontendAccess } from './frontend.js'
import { checkKeyring, ownKeyringId } from './keyring.js'
import { fetchStoreInfo } from './server.js'
import { checkStore } from './store.js'

interface Config {
  frontend: FrontendConfig
  backend: BackendConfig
}

/** Runs all checks, and yields their findings in the order in which an operator reads them. */
export async function* diagnose(sources: ConfigSources, access: FrontendAccess = {}): AsyncGenerator<Finding> {
  yield await runCheck('version', async () => ok(`enc-server ${version}, Node ${process.version}`))
  const { frontend, backend } = loadConfig<Config>({ ...frontendSchema, ...backendSchema }, sources)
  yield await runCheck('configuration', async () => checkConfigFile(sources.file.path))
  const certificates = certificateFiles({ frontend, backend }, access)
  if (certificates.length > 0) yield await runCheck('certificates', () => checkCertificates(certificates, Date.now()))
  const storeFinding = await runCheck('store', () => checkStore(backend))
  yield storeFinding
  let storeInfo: GetStoreInfoResponse | undefined
  const { address } = frontend.backend
  const backendFinding = await runCheck('back end', async () => {
    const info = await fetchStoreInfo(backendChannel(frontend))
    checkFormat(info)
    storeInfo = info
    return ok(`${address}: format ${storeInfo.format}, ${bindingText(storeInfo)}`)
  })
  const keyringId = (await ownKeyringId(frontend.keyringFile)) ?? storeInfo?.keyringId
  const frontendFinding = await runCheck('front end', () => checkFrontend(frontend, access, keyringId))
  yield await runCheck('keyring', () => checkKeyring(frontend, { storeInfo, storeFinding, frontendFinding }))
  // A front end that answers has a back end. If no back end listens, it runs in the process of the front end.
  const isEmbedded = frontendFinding.state === 'ok' && backendFinding.found.startsWith(unreachableMessage(address))
  yield isEmbedded
    ? { ...backendFinding, ...ok('no server listens: the front end runs it in its own process') }
    : backendFinding
  yield frontendFinding
}

/** The files with certificates that settings and flags name. */
function certificateFiles(config: Config, { tls: flags }: FrontendAccess): CertificateFile[] {
  const { frontend, backend } = config
  const upstream = frontend.backend.tls
  const named = {
    'frontend.tls.certFile': frontend.tls.certFile,
    'frontend.tls.clientCaFile': frontend.tls.clientCaFile,
    'frontend.backend.tls.caFile': upstream.caFile,
    'frontend.backend.tls.certFile': upstream.certFile,
    'backend.tls.certFile': backend.tls.certFile,
    'backend.tls.clientCaFile': backend.tls.clientCaFile,
    '--tls-ca': flags?.caFile,
    '--tls-cert': flags?.certFile,
  }
  return Object.entries(named).flatMap(([setting, file = '']) => (file === '' ? [] : [{ setting, file }]))
}

// If the file is required and missing, `loadConfig` has already failed.
function checkConfigFile(path: string): CheckResult {
  return existsSync(path) ? ok(path) : warning(`${path} does not exist: only flags and the environment change defaults`)
}

function bindingText({ keyringId }: GetStoreInfoResponse): string {
  return keyringId.length > 0 ? `bound to keyring ${keyringId.toString('hex')}` : 'not bound to a keyring yet'
}
