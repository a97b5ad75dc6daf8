// Where a server may listen and whom it trusts. Beyond loopback it demands mutual TLS, unless the configuration says
// `insecure: true`.
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { ServerCredentials } from '@grpc/grpc-js'
import { invalidField, VaultError } from './errors.js'

export interface ListenConfig {
  host: string
  /** 0 picks a free one. */
  port: number
  /** Allows plain text, or TLS without client certificates, beyond loopback. */
  insecure: boolean
  tls: { certFile: string; keyFile: string; clientCaFile: string }
}

/** True for names and addresses that never leave this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The address in the form gRPC binds. */
export function bindAddress({ host, port }: ListenConfig): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads a certificate or key file; the message names the setting and the file. */
export function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new VaultError('INVALID_REQUEST', { message: `${setting}: cannot read ${file} (${code})`, cause })
  }
}

/** The credentials of a server; refuses what would expose it. `section` names the settings in messages. */
export function serverCredentials(section: string, { host, insecure, tls }: ListenConfig): ServerCredentials {
  const { certFile, keyFile, clientCaFile } = tls
  if ((certFile === '') !== (keyFile === '')) {
    throw invalidField(`${section}.tls`, 'certFile and keyFile go together')
  }
  if (clientCaFile !== '' && certFile === '') throw invalidField(`${section}.tls`, 'clientCaFile needs certFile')
  if (!isLoopback(host) && !insecure && clientCaFile === '') {
    throw invalidField(
      `${section}.host`,
      `${host} can be reached from other machines: set tls.certFile, tls.keyFile and tls.clientCaFile, or insecure: true`,
    )
  }
  if (certFile === '') return ServerCredentials.createInsecure()
  const pair = {
    cert_chain: readPem(`${section}.tls.certFile`, certFile),
    private_key: readPem(`${section}.tls.keyFile`, keyFile),
  }
  const clientCa = clientCaFile === '' ? null : readPem(`${section}.tls.clientCaFile`, clientCaFile)
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null)
}
