import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { loadKeyring } from '../../../src/frontend/keys/load-keyring.js'
import type { GetStoreInfoResponse } from '../../../src/gen/encserver/v1/backend.js'
import { refusal } from '../refusal.js'
import { call, frontendConfig, keyringText, openWorld } from '../world.js'

const random = randomSource()
const noKeyring = Buffer.alloc(0)
const emptyStore: GetStoreInfoResponse = { format: 2, keyringId: noKeyring, keyChecks: [], empty: true }
const boundTo = (keyringId: Buffer): GetStoreInfoResponse => ({ format: 2, keyringId, keyChecks: [], empty: false })

describe('loading the keyring', () => {
  let folder: string
  let keyringFile: string
  const load = (store: GetStoreInfoResponse, realm = 'default') =>
    loadKeyring(frontendConfig({ keyringFile, realm }), store, random)
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-load-'))
    keyringFile = join(folder, 'keyring.json')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('makes one beside an empty store, and says so', async () => {
    const { keyring, created } = await load(emptyStore)
    expect([keyring.realm, created]).to.deep.equal(['default', true])
    const again = await load(emptyStore)
    expect(again.created).to.equal(false)
    expect(again.keyring.keyringId).to.deep.equal(keyring.keyringId)
  })

  it('finds it again beside the store that is bound to it', async () => {
    const { keyring } = await load(emptyStore)
    const again = await load(boundTo(keyring.keyringId))
    expect([again.created, again.keyring.keyringId]).to.deep.equal([false, keyring.keyringId])
  })

  it('by many at once makes one that all have', async () => {
    const loaded = await Promise.all(Array.from({ length: 10 }, () => load(emptyStore)))
    expect(new Set(loaded.map(({ keyring }) => keyring.keyringId.toString('hex')))).to.have.property('size', 1)
    expect(loaded.filter(({ created }) => created)).to.have.length(1)
    expect(await readdir(folder)).to.deep.equal(['keyring.json'])
  })

  it('makes none beside a store that is bound, and says to which', async () => {
    const { reason, message } = await refusal(load(boundTo(Buffer.alloc(16, 0xab))))
    expect(reason).to.equal('KEYRING_MISMATCH')
    expect(message).to.equal(
      `there is no keyring in ${keyringFile}, but the store is bound to keyring ${'ab'.repeat(16)}: ` +
        'restore it from its backup',
    )
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('makes none beside a store that has records but no binding', async () => {
    const { reason, message } = await refusal(load({ format: 2, keyringId: noKeyring, keyChecks: [], empty: false }))
    expect(reason).to.equal('KEYRING_MISMATCH')
    expect(message).to.equal(
      `there is no keyring in ${keyringFile}, but the store has records: restore it from its backup`,
    )
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('refuses a store that is bound to another', async () => {
    const { keyring } = await load(emptyStore)
    const { reason, message } = await refusal(load(boundTo(Buffer.alloc(16, 0xab))))
    expect(reason).to.equal('KEYRING_MISMATCH')
    expect(message).to.equal(
      `the store is bound to keyring ${'ab'.repeat(16)}, this front end has ${keyring.keyringId.toString('hex')}: ` +
        'give it the keyring the store was written with, or another store',
    )
  })

  it('refuses another realm than the keyring has', async () => {
    await load(emptyStore)
    const { reason, message } = await refusal(load(emptyStore, 'other'))
    expect(reason).to.equal('KEYRING_MISMATCH')
    expect(message).to.equal('the keyring is of realm default, the configuration says other: a realm cannot be changed')
  })

  it('refuses a store of another format, and makes nothing beside it', async () => {
    const { reason, message } = await refusal(load({ format: 3, keyringId: noKeyring, keyChecks: [], empty: true }))
    expect(reason).to.equal('STORE_FORMAT')
    expect(message).to.equal('the store has format 3, this version knows 2')
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('refuses a damaged keyring, and leaves it as it is', async () => {
    await writeFile(keyringFile, '{}', { mode: 0o600 })
    expect((await refusal(load(emptyStore))).message).to.include('the keyring is damaged')
    expect(await readdir(folder)).to.deep.equal(['keyring.json'])
  })

  it('says what is wrong when it cannot be made', async () => {
    await writeFile(keyringFile, '')
    keyringFile = join(keyringFile, 'keyring.json')
    expect((await refusal(load(emptyStore))).message).to.equal(`cannot read the keyring ${keyringFile} (ENOTDIR)`)
  })

  it('two front ends with two keyrings racing on an empty store write one world', async () => {
    for (let round = 0; round < 5; round += 1) {
      const world = await openWorld()
      try {
        const frontEnds = [world.frontEnd(), world.frontEnd({ keyringText: keyringText() })]
        const stores = frontEnds.map((frontEnd, at) =>
          Promise.allSettled(
            Array.from({ length: 10 }, (_, n) =>
              frontEnd.store({ userId: 'racer', recordName: `${at}-${n}`, data: Buffer.of(at) }),
            ),
          ),
        )
        const outcomes = await Promise.all(stores)
        const written = outcomes.map((all) => all.filter(({ status }) => status === 'fulfilled').length)
        expect(written.toSorted()).to.deep.equal([0, 10])
        const loser = outcomes[written.indexOf(0)]!
        for (const outcome of loser) {
          expect(outcome.status === 'rejected' && outcome.reason.reason).to.equal('KEYRING_MISMATCH')
        }
        const winner = frontEnds[written.indexOf(10)]!
        expect((await winner.list({ userId: 'racer' })).records).to.have.length(10)
        const { keyringId } = await world.backend.getStoreInfo({}, call)
        expect(keyringId).to.deep.equal(winner.vault.keyring.keyringId)
        expect(await world.userDocument(frontEnds[written.indexOf(0)]!, 'racer')).to.equal(undefined)
      } finally {
        await world.close()
      }
    }
  })
})
