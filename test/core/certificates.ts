// Certificates for tests, made here so that the tests need Node alone: X.509 version 3 with a P-256 key, just enough of
// DER (X.690) to write them.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

function tlv(tag: number, ...contents: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(contents.map((content) => Buffer.from(content)))
  const bytes = body.length.toString(16).padStart(2, '0')
  const long = Buffer.from(bytes.length % 2 === 0 ? bytes : `0${bytes}`, 'hex')
  const length = body.length < 0x80 ? long : Buffer.concat([Buffer.from([0x80 + long.length]), long])
  return Buffer.concat([Buffer.from([tag]), length, body])
}

const sequence = (...contents: Buffer[]) => tlv(0x30, ...contents)
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const yes = tlv(0x01, Buffer.from([0xff]))
const bits = (content: Buffer) => tlv(0x03, Buffer.from([0]), content)
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))

function nameOf(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, commonName))))
}

function timeIn(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, '')
  return tlv(0x17, `${text.slice(2, 14)}Z`)
}

const authority = sequence(oid('551d13'), yes, tlv(0x04, sequence(yes)))
const thisMachine = sequence(tlv(0x82, 'localhost'), tlv(0x87, Buffer.from([127, 0, 0, 1])))
const forThisMachine = sequence(oid('551d11'), tlv(0x04, thisMachine))

export interface Issuer {
  name: string
  key: KeyObject
}

interface Certificate extends Issuer {
  certFile: string
  keyFile: string
}

/** Writes <name>.crt and <name>.key; without `issuer` the certificate is an authority that signs itself. */
export function makeCertificate(dir: string, name: string, issuer?: Issuer): Certificate {
  return makeCertificateFor(dir, name, { issuer, days: [-1, 1] })
}

/** The same, for a time in days from now. */
export function makeCertificateFor(
  dir: string,
  name: string,
  { issuer, days: [from, to] }: { issuer?: Issuer | undefined; days: [number, number] },
): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), Buffer.from(name)])),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? name),
    sequence(timeIn(from), timeIn(to)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(issuer === undefined ? authority : forThisMachine)),
  )
  const der = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, issuer?.key ?? privateKey)))
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)]
  writeFileSync(certFile, `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`)
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { name, key: privateKey, certFile, keyFile }
}
