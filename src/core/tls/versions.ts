// The versions and cipher suites of TLS that a server accepts. HTTP/2 forbids most suites of TLS 1.2 (RFC 9113 section 9.2.2),
// which Node takes by default.
import type { TlsOptions } from 'node:tls'

/** A version of TLS that a server may accept as the oldest. */
export type TlsVersion = 'TLSv1.3' | 'TLSv1.2'

/** The suites of TLS 1.3, and those of TLS 1.2 with ephemeral keys and authenticated encryption. */
const suites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
]

/** The options of a server that accepts this version of TLS and later ones. */
export function versionOptions(minVersion: TlsVersion): TlsOptions {
  return {
    minVersion,
    ciphers: suites.join(':'),
    honorCipherOrder: true,
  }
}
