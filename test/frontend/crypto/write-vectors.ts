// The vectors of repeated writes: `npx tsx test/frontend/crypto/write-vectors.ts` prints test/vectors/record-write-v1.json. All
// inputs are fixed; all outputs come from write-reference.ts.
import { fileURLToPath } from 'node:url'
import {
  type Attempt,
  digestOf,
  entryOf,
  field,
  headerOf,
  hexOf,
  type Identity,
  keyIdOf,
  type Mode,
  run,
  sealedAttributes,
  tokenOf,
  u,
  type Write,
} from './write-reference.js'

const attempt: Attempt = {
  salt: run(0xc0, 32),
  entrySalt: run(0xa0, 32),
  dataKey: run(0x20, 32),
  userKey: run(0x40, 32),
}
const otherAttempt: Attempt = { ...attempt, salt: run(0x10, 32), entrySalt: run(0x11, 32), dataKey: run(0x12, 32) }

function baseWrite(mode: Mode): Write {
  const userId = 'alice@example.test'
  return {
    mode,
    s: mode === 2 ? run(0x60, 32) : run(0, 32),
    keyId: run(0xe0, 16),
    identity: { realm: 'test', userId, recordName: 'passport-scan', callerAad: Buffer.alloc(0) },
    contents: Buffer.from('The quick brown fox jumps over the lazy dog.'),
    // { attributes: { content_type: "image/png" }, expire_time: { seconds: 1 } }
    attributes: Buffer.concat([field(1, field(1, Buffer.from('image/png'))), field(2, Buffer.from('0801', 'hex'))]),
  }
}

type Outcome = { result: 'valid' } | { result: 'invalid'; error: string }
const valid: Outcome = { result: 'valid' }
const invalid = (error: string): Outcome => ({ result: 'invalid', error })

function identityMembers({ realm, userId, recordName, callerAad }: Identity) {
  return { realm, userId, recordName, callerAad: hexOf(callerAad) }
}

function writeIdTests() {
  const ids = [run(0x60, 32), Buffer.alloc(32), Buffer.alloc(32, 0xff)]
  const good = ids.map((s) => {
    const keyId = hexOf(keyIdOf({ ...baseWrite(2), s }))
    return { comment: 'key id of a write id', writeId: hexOf(s), keyId, ...valid }
  })
  const bad = [1, 16, 31, 33, 64].map((size) => {
    return {
      comment: `write id of ${size} bytes`,
      writeId: hexOf(run(0, size)),
      keyId: '',
      ...invalid('INVALID_REQUEST'),
    }
  })
  return [...good, ...bad]
}

function digestTests() {
  const base = baseWrite(1)
  const { identity } = base
  const pattern = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (7 * at + (at >> 8)) % 256))
  const writes: [string, Write][] = [
    ['base', base],
    ['write id', baseWrite(2)],
    ['same rk in mode split: the mode is in the header', baseWrite(3)],
    ['another secret', { ...base, s: run(1, 32) }],
    ['no contents', { ...base, contents: Buffer.alloc(0) }],
    ['one zero byte', { ...base, contents: Buffer.alloc(1) }],
    ['70000 bytes: byte[i] = (7 i + floor(i / 256)) mod 256', { ...base, contents: pattern }],
    ['no attributes', { ...base, attributes: Buffer.alloc(0) }],
    ['another user', { ...base, identity: { ...identity, userId: 'bob@example.test' } }],
    ['the unnamed record', { ...base, identity: { ...identity, recordName: '' } }],
    ['another realm', { ...base, identity: { ...identity, realm: 'test2' } }],
    ['associated data', { ...base, identity: { ...identity, callerAad: Buffer.from('aad') } }],
  ]
  return writes.map(([comment, write]) => {
    const { contentsHash, attributesHash, key, digest } = digestOf(write)
    const msg = write.contents === pattern ? { msgLen: pattern.length } : { msg: hexOf(write.contents) }
    const derived = { contentsHash, attributesHash, key, digest }
    const hexes = Object.fromEntries(Object.entries(derived).map(([name, bytes]) => [name, hexOf(bytes)]))
    const inputs = { mode: write.mode, s: hexOf(write.s), ...identityMembers(write.identity), ...msg }
    return { comment, ...inputs, attributes: hexOf(write.attributes), ...hexes, ...valid }
  })
}

interface Stored {
  header: Buffer
  entryBox: Buffer
}

/** A stored write, a repeat of it, and the answer. */
type Case = [comment: string, stored: Partial<Stored>, repeat: Partial<Write>, outcome: Outcome]

function storedOf(write: Write, made = attempt): Stored {
  const header = headerOf(write, made)
  return { header, entryBox: entryOf(write, made, sealedAttributes(write, header)) }
}

/** The base write with other attributes for the entry: they are given in full. */
const entryWith = (write: Write, attributes: Buffer) => ({ entryBox: entryOf(write, attempt, attributes) })

function repeatCases(mode: Mode): Case[] {
  const base = baseWrite(mode)
  const { identity, attributes } = base
  const { header } = storedOf(base)
  const flipped = (at: number) => header.map((byte, index) => (index === at ? byte ^ 1 : byte)) as Buffer
  const other = storedOf({ ...base, attributes: Buffer.alloc(0) }, otherAttempt)
  const foreign = storedOf({ ...base, identity: { ...identity, userId: 'bob@example.test' } })
  const digest = digestOf(base).digest
  const reused = invalid('TOKEN_REUSED')
  const mismatch = invalid('RECORD_KEY_MISMATCH')
  const corrupt = invalid('RECORD_CORRUPT')
  const modes: Mode[] = [1, 2, 3]
  const otherModes: Case[] = modes
    .filter((each) => each !== mode)
    .map((each) => [
      `a repeat in mode ${each} under the same key id`,
      {},
      { mode: each, keyId: keyIdOf(base) },
      mismatch,
    ])
  return [
    ['the same write', {}, {}, valid],
    ['the same write, stored by another attempt', storedOf(base, otherAttempt), {}, valid],
    ['other contents', {}, { contents: Buffer.from('other') }, reused],
    ['contents of the same size', {}, { contents: Buffer.from(base.contents).fill(0, 0, 1) }, reused],
    ['no contents', {}, { contents: Buffer.alloc(0) }, reused],
    ['other attributes', {}, { attributes: field(1, field(1, Buffer.from('image/gif'))) }, reused],
    ['no attributes and no expiry', {}, { attributes: Buffer.alloc(0) }, reused],
    ['an entry without a write digest', entryWith(base, attributes), {}, reused],
    ['another secret', {}, { s: run(1, 32) }, mismatch],
    ['other associated data', {}, { identity: { ...identity, callerAad: Buffer.from('aad') } }, mismatch],
    ['another record name', {}, { identity: { ...identity, recordName: 'passport-scan-2' } }, mismatch],
    ['another user', {}, { identity: { ...identity, userId: 'bob@example.test' } }, mismatch],
    ['another realm', {}, { identity: { ...identity, realm: 'test2' } }, mismatch],
    ...otherModes,
    ['the entry of another write under this key id', { entryBox: other.entryBox }, {}, mismatch],
    ['the header of another write under this key id', { header: other.header }, {}, mismatch],
    ["another user's entry", { entryBox: foreign.entryBox }, {}, mismatch],
    ["another user's header and entry", foreign, {}, mismatch],
    ['a changed key id', { header: flipped(8) }, {}, mismatch],
    ['a changed salt', { header: flipped(24) }, {}, mismatch],
    ['a changed commitment', { header: flipped(87) }, {}, mismatch],
    ['a header cut short', { header: header.subarray(0, 87) }, {}, mismatch],
    ['no header', { header: Buffer.alloc(0) }, {}, mismatch],
    ['no entry', { entryBox: Buffer.alloc(0) }, {}, mismatch],
    ['a write digest of 31 bytes', entryWith(base, field(3, digest.subarray(1))), {}, corrupt],
    ['a write digest of 33 bytes', entryWith(base, field(3, Buffer.concat([digest, u(1, 0)]))), {}, corrupt],
    ['a commitment without a write digest', entryWith(base, field(4, header.subarray(56))), {}, corrupt],
  ]
}

function repeatTests() {
  const modes: Mode[] = [1, 2, 3]
  return modes.flatMap((mode) =>
    repeatCases(mode).map(([comment, changes, repeated, outcome]) => {
      const { header, entryBox } = { ...storedOf(baseWrite(mode)), ...changes }
      const repeat = { ...baseWrite(mode), ...repeated }
      const secret =
        repeat.mode === 2 ? { token: null, writeId: hexOf(repeat.s) } : { token: tokenOf(repeat), writeId: null }
      const request = { ...identityMembers(repeat.identity), msg: hexOf(repeat.contents) }
      const stored = { userKey: hexOf(attempt.userKey), header: hexOf(header), entryBox: hexOf(entryBox) }
      return {
        comment,
        mode: repeat.mode,
        ...secret,
        ...request,
        attributes: hexOf(repeat.attributes),
        ...stored,
        ...outcome,
      }
    }),
  )
}

/** All vectors, as the file has them. */
export function writeVectors() {
  const groups = [
    { type: 'WriteId', notes: 'write_id -> key id', tests: writeIdTests() },
    { type: 'WriteDigest', notes: 'key = K_w; digest = W; attributes = A', tests: digestTests() },
    {
      type: 'RepeatedWrite',
      notes: 'answer(token or writeId, request, stored header and entry under userKey generation 1)',
      tests: repeatTests(),
    },
  ]
  let tcId = 0
  const testGroups = groups.map((group) => {
    return { ...group, tests: group.tests.map((test) => ({ tcId: ++tcId, ...test })) }
  })
  return { algorithm: 'record-vault', format: 'record-write-v1', numberOfTests: tcId, testGroups }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(writeVectors(), null, 1)}\n`)
}
