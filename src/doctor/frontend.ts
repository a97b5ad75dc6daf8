// The check of a front end from outside, as its callers reach it.
import type { ChannelConfig } from '../core/client/channel.js'
import { VaultError } from '../core/errors.js'
import { bindAddress } from '../core/tls/listen.js'
import { type FrontendClient, frontendClient } from '../frontend/client.js'
import type { FrontendConfig } from '../frontend/config.js'
import { type CheckResult, ok, warning } from './finding.js'
import { callServer, timeoutMs } from './server.js'

/** How to reach the front end, if not by the settings alone: its address, and certificates for TLS. */
export type FrontendAccess = Partial<Pick<ChannelConfig, 'address' | 'tls'>>

const anyAddress: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Checks that the configured front end answers, and that it is of this vault if the id of the keyring is known. */
export async function checkFrontend(
  config: FrontendConfig,
  access: FrontendAccess,
  keyringId: Buffer | undefined,
): Promise<CheckResult> {
  const { tls, host, port, insecure } = config
  if (tls.certFile !== '' && access.tls === undefined) return warning('it uses TLS: give --tls-ca, to ask it')
  if (tls.clientCaFile !== '' && !access.tls?.certFile)
    return warning('it asks for client certificates: give --tls-cert and --tls-key, to ask it')
  if (port === 0 && access.address === undefined)
    return warning('frontend.port is 0, so each start picks a free port: give --address, to ask it')
  const address = access.address ?? bindAddress({ host: anyAddress[host] ?? host, port })
  const channel = { address, insecure, ...(access.tls && { tls: access.tls }) }
  const client = frontendClient(channel)
  try {
    const setting = access.address === undefined ? 'frontend.host and frontend.port' : '--address'
    const server = { channel, what: 'a front end', setting, program: 'feserver' }
    await callServer(server, () => client.listRecords({ userId: 'doctor', pageSize: 1 }, { timeoutMs }))
    const found = await keyringOf(client)
    if (found === undefined)
      return warning(`${address} answers, but its version is too old to tell which vault it serves`)
    if (keyringId !== undefined && !found.equals(keyringId)) throw anotherVault({ address, setting, found, keyringId })
    return ok(`${address} answers`)
  } finally {
    client.close()
  }
}

/** The id of the front end's keyring; undefined for a front end that cannot tell. */
async function keyringOf(client: FrontendClient): Promise<Buffer | undefined> {
  try {
    return (await client.getVaultInfo({ timeoutMs })).keyringId
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'NOT_SUPPORTED') return undefined
    throw error
  }
}

interface AnotherVault {
  address: string
  setting: string
  found: Buffer
  keyringId: Buffer
}

function anotherVault({ address, setting, found, keyringId }: AnotherVault): Error {
  const [theirs, ours] = [found, keyringId].map((id) => id.toString('hex'))
  return new Error(
    `the front end at ${address} is of another vault: its keyring is ${theirs}, the keyring here is ${ours}; correct ${setting}`,
  )
}
