// The listening address and TLS options of a server. Beyond loopback it demands mutual TLS, unless the configuration says
// `insecure: true`.
import { isIPv6 } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { invalidField } from '../errors.js'
import { readCertificates, readKeyPair } from './pem.js'
import { type TlsVersion, versionOptions } from './versions.js'

/** Where a server listens, and whose certificates it trusts. */
export interface ListenConfig {
  host: string
  /** Port 0 picks a free one. */
  port: number
  /** Allows plain text, or TLS without client certificates, beyond loopback. */
  insecure: boolean
  tls: { certFile: string; keyFile: string; clientCaFile: string; minVersion?: TlsVersion }
}

/** True for names and addresses that never leave this machine. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The address as clients write it: an IPv6 address is in brackets. */
export function bindAddress({ host, port }: Pick<ListenConfig, 'host' | 'port'>): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The TLS options of a server; undefined for plain text. Throws INVALID_REQUEST for unreadable files and for settings that would
 * expose the server. Messages name the settings of `section`.
 */
export function serverTls(section: string, { host, insecure, tls }: ListenConfig): TlsOptions | undefined {
  const { certFile, keyFile, clientCaFile, minVersion = 'TLSv1.3' } = tls
  if ((certFile === '') !== (keyFile === '')) {
    throw invalidField(`${section}.tls`, 'certFile and keyFile must be set together')
  }
  if (clientCaFile !== '' && certFile === '') throw invalidField(`${section}.tls`, 'clientCaFile needs certFile')
  if (!isLoopback(host) && !insecure && clientCaFile === '') {
    throw invalidField(
      `${section}.host`,
      `${host} can be reached from other machines: set tls.certFile, tls.keyFile and tls.clientCaFile, or insecure: true`,
    )
  }
  if (certFile === '') return undefined
  const named = (name: 'certFile' | 'keyFile' | 'clientCaFile') => ({
    setting: `${section}.tls.${name}`,
    file: tls[name],
  })
  const { cert, key } = readKeyPair(named('certFile'), named('keyFile'))
  const own = { cert, key, ...versionOptions(minVersion) }
  if (clientCaFile === '') return own
  return { ...own, ca: readCertificates(named('clientCaFile')), requestCert: true, rejectUnauthorized: true }
}
