// Certificate and key files in PEM. An unusable file fails at the start, with the name of its setting, instead of at the first
// handshake.
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { VaultError } from '../errors.js'
import { redactPath } from '../secret-file.js'

/** A file and the setting that names it. */
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
    // Without the cause, whose message contains the path, which may be a secret.
    throw unusable(setting, `cannot read ${redactPath(file)} (${code})`)
  }
}

// OpenSSL decides, since it has to use the file later.
function checkWithOpenSsl(from: PemFile, options: SecureContextOptions, problem: string): void {
  try {
    createSecureContext(options)
  } catch (cause) {
    const { reason, message } = cause as { reason?: string; message: string }
    throw refused(from, `${problem} (${reason ?? message})`, cause)
  }
}

/** Reads one or more certificates. Throws INVALID_REQUEST for a file without one. */
export function readCertificates(from: PemFile): Buffer {
  const cert = read(from)
  checkWithOpenSsl(from, { cert }, 'is not a certificate in PEM')
  return cert
}

/** Reads a certificate and its private key. Throws INVALID_REQUEST if they do not belong together. */
export function readKeyPair(certFrom: PemFile, keyFrom: PemFile): { cert: Buffer; key: Buffer } {
  const cert = readCertificates(certFrom)
  const key = read(keyFrom)
  checkWithOpenSsl(keyFrom, { key }, 'is not a private key in PEM without a passphrase')
  checkWithOpenSsl(keyFrom, { cert, key }, `is not the key of ${certFrom.file}`)
  return { cert, key }
}
