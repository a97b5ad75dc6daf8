// docs/crypto.md section 15, tests 9 and 10: nothing secret in logs, store, errors or anything printed.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { toJson } from '../../src/cli/terminal/output.js'
import { VaultError } from '../../src/core/errors.js'
import { closeLog, openLog } from '../../src/core/log/log.js'
import { type FrontendClient, frontendClient } from '../../src/frontend/client.js'
import { randomSource } from '../../src/frontend/crypto/random.js'
import { parseToken } from '../../src/frontend/crypto/token.js'
import { parseKeyring } from '../../src/frontend/keys/keyring.js'
import type { StoreEnvelopeRequest } from '../../src/gen/encserver/v1/backend.js'
import { filesBelow, type Haystack, leaks, type Needle, spellings } from './leak-scan.js'
import { watchingMacs } from './refusal.js'
import { answeredWith, rowOf, withEnvelopeBytes } from './swapped.js'
import { type CallerSecret, modes, newSecret, newToken } from './tokens.js'
import { sha256 } from './transfers.js'
import { openWire } from './wire.js'
import { type FrontEnd, instead, openWorld, type World } from './world.js'

const secret = (what: string) => `${what}-${randomBytes(9).toString('hex')}`

describe('the leak scan', () => {
  it('finds a secret in every form and any place, and nothing where there is none', () => {
    const bytes = randomBytes(32)
    const needles = [{ name: 'key', bytes }]
    for (const spelling of spellings(bytes)) {
      const around = Buffer.concat([randomBytes(50), Buffer.from(spelling), randomBytes(50)])
      expect(leaks(needles, [{ name: 'log', bytes: around }])).to.deep.equal(['key in log'])
    }
    const longer = Buffer.concat([randomBytes(7), bytes, randomBytes(5)])
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const text = Buffer.from(`{"record":"${longer.toString(encoding)}"}`)
      expect(leaks(needles, [{ name: 'log', bytes: text }])).to.deep.equal(['key in log'])
    }
    const dumped = Buffer.from(JSON.stringify(longer))
    expect(leaks(needles, [{ name: 'log', bytes: dumped }])).to.deep.equal(['key in log'])
    expect(leaks(needles, [{ name: 'log', bytes: randomBytes(10_000) }])).to.deep.equal([])
  })
})

/** All 32-byte draws, the salts that were sent, and what HMACs gave that is a key. */
function secretsSeen() {
  const drawn: Buffer[] = []
  const salts = new Set<string>()
  const derived: Buffer[] = []
  const source = randomSource()
  return {
    random: {
      fill(memory: Buffer) {
        source.fill(memory)
        if (memory.length === 32) drawn.push(Buffer.from(memory))
        return memory
      },
    },
    sent({ record, newUser }: StoreEnvelopeRequest) {
      const saltOf = (bytes: Buffer, at: number) => salts.add(bytes.subarray(at, at + 32).toString('hex'))
      saltOf(record!.envelope, 24)
      saltOf(record!.entryBox, 8)
      // A frame of provider `local` and key ref `kek` has its box at 13.
      for (const { wrappedKey } of newUser?.generations ?? []) saltOf(wrappedKey, 13 + 8)
    },
    mac(parts: readonly Buffer[], mac: Buffer) {
      const combinesHalves = parts.length === 1 && parts[0]?.length === 32
      const isAeadKey = parts.length > 1 && parts[0]?.length === 32
      const isOfWrite = parts.some((part) => part.includes('record-vault/v1/write\0')) || parts[0]?.length === 8
      if (combinesHalves || isAeadKey || isOfWrite) derived.push(mac)
    },
    keys(): Needle[] {
      const keys = drawn.filter((bytes) => !salts.has(bytes.toString('hex')))
      return [
        ...keys.map((bytes) => ({ name: 'drawn key', bytes })),
        ...derived.map((bytes) => ({ name: 'derived key', bytes })),
      ]
    },
  }
}

describe('all flows together', () => {
  let world: World
  let folder: string
  const ids = { userId: secret('user'), stranger: secret('stranger'), names: [secret('first'), secret('second')] }
  const data = Buffer.from(secret('plaintext'))
  const callerAad = Buffer.from(secret('associated'))
  const label = { [secret('key')]: secret('value') }
  const attributes = { contentType: `text/${secret('type')}`, labels: label }
  const seen = secretsSeen()
  const tokens: string[] = []
  /** Made by the caller, for writes that it repeats. */
  const made: CallerSecret[] = []
  const haystacks: Haystack[] = []

  /** What a caller, a log line or a debugger could make of an error. */
  async function failing(what: string, promise: Promise<unknown>): Promise<void> {
    const error = await promise.then(
      () => expect.fail(`${what} should have failed`),
      (thrown: VaultError) => thrown,
    )
    expect(error, what).to.be.instanceOf(VaultError)
    const cause = error.cause as ServiceError
    const bytes = (cause?.metadata?.get('grpc-status-details-bin') ?? []).map((value) => Buffer.from(value))
    const texts = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), `${error.stack}`]
    haystacks.push({ name: what, bytes: Buffer.concat([Buffer.from(texts.join('\n')), ...bytes]) })
  }

  async function flows(client: FrontendClient, lying: (row: 'damaged' | 'relabelled') => Promise<FrontendClient>) {
    const { userId, stranger, names } = ids
    const [recordName = '', second = ''] = names
    for (const keyMode of [1, 2, 3] as const) {
      const { recordKey } = await client.storeRecord({ userId, recordName, data, keyMode, callerAad, attributes })
      if (recordKey !== '') tokens.push(recordKey)
      await client.retrieveRecord({ userId, recordName, recordKey, callerAad })
      await failing('wrong associated data', client.retrieveRecord({ userId, recordName, recordKey }))
    }
    for (const keyMode of Object.values(modes)) {
      const own = newSecret(keyMode)
      made.push(own)
      const request = { userId, recordName, data, callerAad, attributes, ...own.fields }
      await client.storeRecord(request)
      await client.storeRecord({ ...request, triedMsAgo: 1 })
      await failing('other contents', client.storeRecord({ ...request, data: Buffer.from('other') }))
      await failing('other associated data', client.storeRecord({ ...request, callerAad: Buffer.alloc(1) }))
      await failing('two secrets', client.storeRecord({ ...request, recordKey: newToken(1), writeId: randomBytes(32) }))
      await failing('another mode', client.storeRecord({ ...request, keyMode: ((keyMode % 3) + 1) as 1 | 2 | 3 }))
    }
    await client.storeRecord({
      userId,
      recordName: second,
      data,
      precondition: { condition: { $case: 'absent', value: true } },
    })
    await client.listRecords({ userId, pageSize: 1 })
    const token = tokens.at(-1)!
    const taken = { condition: { $case: 'absent', value: true } } as const
    await failing('taken', client.storeRecord({ userId, recordName, data, precondition: taken }))
    await failing('stale token', client.retrieveRecord({ userId, recordName, recordKey: tokens[0]! }))
    await failing('unknown user', client.retrieveRecord({ userId: stranger, recordName, recordKey: token }))
    await failing('unknown record', client.deleteRecord({ userId, recordName: ids.stranger }))
    await failing('cut token', client.retrieveRecord({ userId, recordName, recordKey: token.slice(0, -1) }))
    await failing('typed token', client.retrieveRecord({ userId, recordName, recordKey: token.toUpperCase() }))
    await failing('bad id', client.storeRecord({ userId: `${userId}\ufffd`, recordName, data }))
    await failing('lone surrogate', client.storeRecord({ userId, recordName: `${recordName}\ud800`, data }))
    await failing('long name', client.storeRecord({ userId, recordName: recordName.repeat(100), data }))
    await failing('large', client.storeRecord({ userId, recordName, data: Buffer.alloc(3_145_729, data) }))
    await failing('very large', client.storeRecord({ userId, recordName, data: Buffer.alloc(4_500_000, data) }))
    const badType = { ...attributes, contentType: Object.values(label)[0]! }
    await failing('no media type', client.storeRecord({ userId, recordName, data, attributes: badType }))
    const badLabel = { labels: { ...label, [`${Object.keys(label)[0]}\ufffd`]: '' } }
    await failing('bad label', client.storeRecord({ userId, recordName, data, attributes: badLabel }))
    await failing('restored', client.restoreRecord({ userId, recordName, recordKey: token, callerAad, version: 9n }))
    await client.listRecordVersions({ userId, recordName })
    await failing('versions', client.listRecordVersions({ userId: stranger, recordName }))
    await failing('page token', client.listRecords({ userId, pageToken: token }))
    await failing('changed meanwhile', client.deleteRecord({ userId, recordName, expectKeyId: randomBytes(16) }))
    for (const lie of ['damaged', 'relabelled'] as const) {
      const liar = await lying(lie)
      await failing(lie, liar.retrieveRecord({ userId, recordName, recordKey: token, callerAad }))
      await failing(`${lie} store`, liar.storeRecord({ userId, recordName, data }))
      liar.close()
    }
    await client.deleteRecord({ userId, recordName: second })
  }

  before(async () => {
    world = await openWorld()
    folder = await mkdtemp(join(tmpdir(), 'enc-server-leaks-'))
    const backend = instead(world.backend, {
      storeEnvelope(request, context) {
        seen.sent(request)
        return world.backend.storeEnvelope(request, context)
      },
    })
    const log = openLog('feserver', { level: 'debug', dir: join(folder, 'log'), stdout: false })
    const frontEnd = world.frontEnd({ random: seen.random, backend })
    const wire = await openWire(frontEnd, log)
    const client = frontendClient({ address: wire.address })
    const wires = [wire]
    const lying = async (lie: string) => {
      const row = await rowOf(world, frontEnd, { userId: ids.userId, recordName: ids.names[0]! })
      const liar = answeredWith(
        world,
        lie === 'damaged' ? withEnvelopeBytes(row, 90, [1, 2, 3, 4]) : withEnvelopeBytes(row, 5, [9]),
        {
          random: seen.random,
          backend,
        },
      )
      liar.vault.backend.storeEnvelope = async () => {
        throw new TypeError('a bug')
      }
      const served = await openWire(liar, log)
      wires.push(served)
      return frontendClient({ address: served.address })
    }
    await watchingMacs(seen.mac, () => flows(client, lying))
    client.close()
    for (const open of wires) await open.close()
    await closeLog(log)
    haystacks.push(...(await filesBelow(join(folder, 'log'))))
    await world.reopen(async (store) => {
      haystacks.push(...(await filesBelow(store)))
    })
  })
  after(async () => {
    await world.close()
    await rm(folder, { recursive: true })
  })

  const idNeedles = () =>
    [ids.userId, ids.stranger, ...ids.names].map((id) => ({ name: id.replace(/-.*/, ''), bytes: Buffer.from(id) }))

  it('left a log of every call and a store that are worth scanning', () => {
    const log = haystacks.find(({ name }) => name.endsWith('feserver.log'))!
    expect(log.bytes.toString().match(/"event":"call"/g)!.length).to.be.above(20)
    expect(log.bytes.includes('a bug')).to.equal(true)
    const store = haystacks.filter(({ name }) => name.includes('/store/'))
    expect(Buffer.concat(store.map(({ bytes }) => bytes)).includes('RVLT')).to.equal(true)
    expect(seen.keys().length).to.be.above(10)
    expect(haystacks.length).to.be.above(20)
  })

  it('left no id and no name, in log, store or error', () => {
    expect(leaks(idNeedles(), haystacks)).to.deep.equal([])
  })

  it('left no plaintext, no associated data and no attribute', () => {
    const needles = [
      { name: 'plaintext', bytes: data },
      { name: 'associated data', bytes: callerAad },
      ...[attributes.contentType, ...Object.entries(label).flat()].map((text) => ({
        name: 'attribute',
        bytes: Buffer.from(text),
      })),
    ]
    expect(leaks(needles, haystacks)).to.deep.equal([])
  })

  it('contain no token, whole or in part', () => {
    expect(tokens).to.have.length(2)
    const needles = tokens.flatMap((token) => [
      { name: 'token', bytes: Buffer.from(token) },
      { name: 'half of a token', bytes: Buffer.from(token.slice(40, 70)) },
      { name: 'token in upper case', bytes: Buffer.from(token.toUpperCase()) },
    ])
    expect(leaks(needles, haystacks)).to.deep.equal([])
    for (const token of tokens) expect(() => parseToken(token)).not.to.throw()
  })

  it('contain no secret that a caller made, and nothing that tells its writes', () => {
    const needles = made.map(({ secret }) => ({ name: 'secret of a caller', bytes: secret }))
    const texts = made.flatMap(({ recordKey }) => (recordKey === '' ? [] : [recordKey, recordKey.slice(40, 70)]))
    expect(texts).to.have.length(4)
    needles.push(...texts.map((text) => ({ name: 'token of a caller', bytes: Buffer.from(text) })))
    needles.push({ name: 'hash of the contents', bytes: sha256(data) })
    expect(leaks(needles, haystacks)).to.deep.equal([])
  })

  it('left no key: not of the keyring, not of users or records, none derived', () => {
    const keyring = JSON.parse(world.keyringText)
    const kept = [...keyring.pseudonym_keys, ...keyring.key_encryption_keys].map(({ key }) => ({
      name: 'key of the keyring',
      bytes: Buffer.from(key, 'base64'),
    }))
    expect(leaks([...kept, ...seen.keys()], haystacks)).to.deep.equal([])
  })
})

describe('objects that hold keys', () => {
  let world: World
  let frontEnd: FrontEnd
  before(async () => {
    world = await openWorld()
    frontEnd = world.frontEnd()
  })
  after(() => world.close())

  it('prints, serialises and clones without them: vault, keyring, user keys, tokens', async () => {
    const userId = 'somebody'
    const { recordKey } = await frontEnd.store({ userId, data: Buffer.from('x') })
    const sealing = await frontEnd.vault.userKeys.sealingKey({
      userId,
      pseudonym: frontEnd.vault.ids.users(userId)[0]!,
    })
    const token = parseToken(recordKey)
    const keyring = parseKeyring(world.keyringText)
    const file = JSON.parse(world.keyringText)
    const kept = [...file.pseudonym_keys, ...file.key_encryption_keys].map(({ key }) => Buffer.from(key, 'base64'))
    const needles: Needle[] = kept.flatMap((bytes) => [
      { name: 'key', bytes },
      { name: 'inner block', bytes: Buffer.from(bytes.map((byte) => byte ^ 0x36)) },
      { name: 'outer block', bytes: Buffer.from(bytes.map((byte) => byte ^ 0x5c)) },
    ])
    needles.push({ name: 'token', bytes: Buffer.from(recordKey) })
    for (const holder of [frontEnd.vault, frontEnd.service, keyring, sealing, token]) {
      const printed = [
        inspect(holder, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null }),
        toJson(holder),
        `${holder}`,
      ].join('\n')
      expect(leaks(needles, [{ name: 'print', bytes: Buffer.from(printed) }])).to.deep.equal([])
      expect(printed.length).to.be.above(20)
    }
    expect(structuredClone({ key: token.key })).to.deep.equal({ key: {} })
  })

  it('holds none after it was closed', async () => {
    const closing = await openWorld()
    const other = closing.frontEnd()
    await other.store({ userId: 'somebody', data: Buffer.from('x') })
    const { pseudonymKeys, keyEncryptionKeys } = other.vault.keyring
    await closing.close()
    for (const { key } of [...pseudonymKeys, ...keyEncryptionKeys]) {
      expect(() => key.mac(Buffer.from('x'))).to.throw('internal error')
    }
  })
})
