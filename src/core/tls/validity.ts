// The time in which certificates are valid. The only file of core that imports node:crypto, and it parses public data alone.
import { X509Certificate } from 'node:crypto'

/** From when and until when all of some certificates are valid, in milliseconds since 1970. */
export interface Validity {
  startMs: number
  endMs: number
}

const pemPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The validity of the certificates in a PEM text, which must have one. */
export function validityOf(pem: Buffer): Validity {
  const found = (pem.toString('latin1').match(pemPattern) ?? []).map((text) => new X509Certificate(text))
  return {
    startMs: Math.max(...found.map(({ validFrom }) => Date.parse(validFrom))),
    endMs: Math.min(...found.map(({ validTo }) => Date.parse(validTo))),
  }
}
