// The check of a front end from outside, as its callers reach it.
import type { ChannelConfig } from '../core/client/channel.js'
import { bindAddress } from '../core/tls/listen.js'
import { frontendClient } from '../frontend/client.js'
import type { FrontendConfig } from '../frontend/config.js'
import { type CheckResult, ok, warning } from './finding.js'
import { callServer, timeoutMs } from './server.js'

/** How to reach the front end, if not by the settings alone: its address, and certificates for TLS. */
export type FrontendAccess = Partial<Pick<ChannelConfig, 'address' | 'tls'>>

const anyAddress: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Checks that the configured front end answers. */
export async function checkFrontend(config: FrontendConfig, access: FrontendAccess): Promise<CheckResult> {
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
    return ok(`${address} answers`)
  } finally {
    client.close()
  }
}
