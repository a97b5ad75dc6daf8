// Certificate and key files. What cannot be used is refused at the start, by the name of its setting, and not at the
// first handshake.
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { VaultError } from '../errors.js'
import { redactPath } from './redact-path.js'

/** Where a file was named: the setting, for messages, and the file. */
interface PemFile {
  setting: string
  file: string
}

function unusable(setting: string, description: string, cause?: unknown): VaultError {
  const fields = [{ field: setting, description }]
  return new VaultError('INVALID_REQUEST', { message: `${setting}: ${description}`, fields, cause })
}

function refused({ setting, file }: PemFile, problem: string, cause?: unknown): VaultError {
  return unusable(setting, `${file} ${problem}`, cause)
}

function read({ setting, file }: PemFile): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    // Without its cause, whose words have the path.
    throw unusable(setting, `cannot read ${redactPath(file)} (${code})`)
  }
}

// TLS itself is asked, as what it takes is what counts.
function tryOut(from: PemFile, options: SecureContextOptions, problem: string): void {
  try {
    createSecureContext(options)
  } catch (cause) {
    const { reason, message } = cause as { reason?: string; message: string }
    throw refused(from, `${problem} (${reason ?? message})`, cause)
  }
}

/** Reads one or more certificates; throws INVALID_REQUEST for a file that holds none. */
export function readCertificates(from: PemFile): Buffer {
  const cert = read(from)
  tryOut(from, { cert }, 'is no certificate in PEM')
  return cert
}

/** Reads a certificate and its private key; throws INVALID_REQUEST when they are not of a pair. */
export function readKeyPair(certFrom: PemFile, keyFrom: PemFile): { cert: Buffer; key: Buffer } {
  const cert = readCertificates(certFrom)
  const key = read(keyFrom)
  tryOut(keyFrom, { key }, 'is no private key in PEM without a passphrase')
  tryOut(keyFrom, { cert, key }, `is not the key of ${certFrom.file}`)
  return { cert, key }
}
