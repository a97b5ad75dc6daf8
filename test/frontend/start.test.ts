import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Client, credentials } from '@grpc/grpc-js'
import { expect } from 'chai'
import { newCall } from '../../src/core/client/client.js'
import { VaultError } from '../../src/core/errors.js'
import { frontendClient } from '../../src/frontend/client.js'
import type { FrontendConfig } from '../../src/frontend/config.js'
import { identityOf, parseKeyring } from '../../src/frontend/keys/keyring.js'
import { textOf } from '../../src/frontend/keys/keyring-checksum.js'
import { keyLists, parseKeyringText } from '../../src/frontend/keys/keyring-text.js'
import { type RunningFrontend, startFrontend } from '../../src/frontend/start.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import { atEnd, keepingLog, releaseAll } from '../core/fake-frontend.js'
import { keysClosedDuring, reasonOf, refusal } from './refusal.js'
import { silentLog } from './wire.js'
import { frontendConfig, instead, keyringText, openWorld, type World } from './world.js'

const data = Buffer.from('contents')

/** 1 is SERVING of grpc.health.v1. */
function health(port: number): Promise<number> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const same = (bytes: Buffer) => bytes
  return new Promise<number>((resolve, reject) => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.alloc(0), (error, response) =>
      error ? reject(error) : resolve(response?.[1] ?? 0),
    )
  }).finally(() => client.close())
}

async function untilReady(port: number): Promise<void> {
  while ((await health(port)) !== 1) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('starting the front end', () => {
  let world: World
  const started: RunningFrontend[] = []
  let made: string[]
  const config = (changes: Partial<FrontendConfig> = {}) =>
    frontendConfig({ port: 0, keyringFile: join(world.folder, 'frontend', 'keyring.json'), ...changes })
  const start = async (changes: Partial<FrontendConfig> = {}, backend: Backend = world.backend) => {
    const parts = { backend, log: silentLog, keyringMade: () => made.push(config(changes).keyringFile) }
    const running = await startFrontend(config(changes), parts, new AbortController().signal)
    started.push(running)
    return running
  }
  beforeEach(async () => {
    made = []
    world = await openWorld()
  })
  afterEach(async () => {
    await Promise.all(started.splice(0).map((running) => running.stop()))
    await world.close()
    await releaseAll()
  })

  it('makes the keyring beside an empty store, serves, and finds all again the next time', async () => {
    const first = await start()
    expect(made).to.deep.equal([config().keyringFile])
    expect((await stat(config().keyringFile)).mode & 0o777).to.equal(0o600)
    await untilReady(first.port)
    const client = frontendClient({ address: `127.0.0.1:${first.port}` })
    const { recordKey } = await client.storeRecord({ userId: 'u', data })
    client.close()
    await started.pop()!.stop()

    const second = await start()
    expect(made).to.have.length(1)
    const again = frontendClient({ address: `127.0.0.1:${second.port}` })
    expect((await again.retrieveRecord({ userId: 'u', recordKey })).data).to.deep.equal(data)
    again.close()
  })

  it('refuses a store that is bound to another keyring, whether it has one or none', async () => {
    await world.frontEnd({ keyringText: keyringText() }).store({ userId: 'u', data })
    expect(await reasonOf(start())).to.equal('KEYRING_MISMATCH')
    const other = await openWorld()
    await start({}, other.backend)
    expect(await reasonOf(start())).to.equal('KEYRING_MISMATCH')
    await started.pop()!.stop()
    await other.close()
  })

  describe('beside a store of an earlier version, which has no key checks', () => {
    const withoutChecks = () =>
      instead(world.backend, {
        storeEnvelope: (request, call) => world.backend.storeEnvelope({ ...request, keyChecks: [] }, call),
      })
    const boundChecks = async () => (await world.backend.getStoreInfo({}, newCall())).keyChecks
    /** Gives this keyring to the front ends that start; one with another key, unless it is the world's. */
    const useKeyring = async (text: string) => {
      await mkdir(join(world.folder, 'frontend'), { recursive: true })
      await writeFile(config().keyringFile, text, { mode: 0o600 })
    }
    const withOtherKey = () => {
      const file = parseKeyringText(world.keyringText)
      const key = Buffer.alloc(32, 7).toString('base64')
      return textOf({ ...file, pseudonym_keys: [{ ...file.pseudonym_keys[0]!, key }] })
    }
    const wrongKey =
      'pseudonym key 1 of the keyring is not the key that this store was written with: restore the keyring from its backup'
    beforeEach(async () => {
      await world.frontEnd({ backend: withoutChecks() }).store({ userId: 'u', data })
      expect(await boundChecks()).to.deep.equal([])
    })

    it('binds its keys at the first start, says so, and refuses another key from then on', async () => {
      await useKeyring(world.keyringText)
      const { log, events } = keepingLog()
      const parts = { backend: world.backend, log, keyringMade: () => undefined }
      started.push(await startFrontend(config(), parts, new AbortController().signal))
      expect(await boundChecks()).to.deep.equal(identityOf(parseKeyring(world.keyringText)).keyChecks)
      const line = events.find(({ message }) => message === 'store bound to the keys of this keyring')
      expect(line).to.deep.include({ level: 'warn', keys: ['pseudonym key 1', 'key-encryption key 1'] })
      await started.pop()!.stop()
      await start()
      await started.pop()!.stop()
      await useKeyring(withOtherKey())
      const { reason, message } = await refusal(start())
      expect([reason, message]).to.deep.equal(['KEYRING_MISMATCH', wrongKey])
    })

    it('of two that start at once with other keys lets one start, and names the key of the other', async () => {
      let arrived = 0
      let release: () => void = () => undefined
      const both = new Promise<void>((resolve) => {
        release = resolve
      })
      const meeting = instead(world.backend, {
        async bindKeyring(request, call) {
          arrived += 1
          if (arrived === 2) release()
          await both
          return world.backend.bindKeyring(request, call)
        },
      })
      const starting: Promise<RunningFrontend>[] = []
      for (const [at, text] of [world.keyringText, withOtherKey()].entries()) {
        const keyringFile = join(world.folder, `keyring-${at}.json`)
        await writeFile(keyringFile, text, { mode: 0o600 })
        starting.push(start({ keyringFile }, meeting))
      }
      const outcomes = await Promise.allSettled(starting)
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      expect(refused.map(({ reason, message }) => [reason, message])).to.deep.equal([['KEYRING_MISMATCH', wrongKey]])
      expect(await boundChecks()).to.have.length(2)
    })

    it('waits until the back end has bound the keys', async () => {
      await useKeyring(world.keyringText)
      let tries = 0
      const flaky = instead(world.backend, {
        async bindKeyring(request, call) {
          tries += 1
          if (tries === 1) throw new VaultError('STORE_UNAVAILABLE')
          return world.backend.bindKeyring(request, call)
        },
      })
      await start({}, flaky)
      expect(tries).to.equal(2)
      expect(await boundChecks()).to.have.length(2)
    })

    it('a write binds the keys of a front end that was started before', async () => {
      const { recordKey } = await world.frontEnd().store({ userId: 'u', recordName: 'next', data })
      expect(await boundChecks()).to.have.length(2)
      const read = await world.frontEnd().retrieve({ userId: 'u', recordName: 'next', recordKey })
      expect(read.data).to.deep.equal(data)
      const stranger = world.frontEnd({ keyringText: withOtherKey() })
      expect(await reasonOf(stranger.store({ userId: 'u', data }))).to.equal('KEYRING_MISMATCH')
    })
  })

  it('binds no key of an empty store before the first write', async () => {
    await start()
    const { empty, keyChecks } = await world.backend.getStoreInfo({}, newCall())
    expect([empty, keyChecks]).to.deep.equal([true, []])
  })

  it('warns of a keyring without a checksum, and starts', async () => {
    const file = parseKeyringText(keyringText())
    const keys = (list: (typeof keyLists)[number]) => file[list].map(({ checksum: _, ...entry }) => entry)
    const { checksum: _, ...older } = { ...file, ...Object.fromEntries(keyLists.map((list) => [list, keys(list)])) }
    const keyringFile = join(world.folder, 'older.json')
    await writeFile(keyringFile, JSON.stringify(older), { mode: 0o600 })
    const { log, events } = keepingLog()
    const parts = { backend: world.backend, log, keyringMade: () => undefined }
    started.push(await startFrontend(config({ keyringFile }), parts, new AbortController().signal))
    const line = events.find(({ message }) => message === 'keyring without checksum')
    expect(line).to.include({ level: 'warn', keyring: keyringFile })
    expect(line?.['why']).to.include('enc-server keyring verify --write-checksum')
  })

  it('refuses an import without a last day before it waits for the back end', async () => {
    const never = instead(world.backend, { getStoreInfo: () => new Promise(() => undefined) })
    const refused = await refusal(start({ legacyImport: { enabled: true, until: '' } }, never))
    expect(refused.reason).to.equal('INVALID_REQUEST')
    expect(refused.message).to.match(/^frontend\.legacyImport\.until: /)
  })

  async function takenPort(port = 0): Promise<number> {
    const taken = createServer().listen(port, '127.0.0.1')
    atEnd(() => taken.close())
    await once(taken, 'listening')
    return (taken.address() as AddressInfo).port
  }

  it('reports a port in use before it waits for the back end', async () => {
    const never = instead(world.backend, { getStoreInfo: () => new Promise(() => undefined) })
    const port = await takenPort()
    const { reason, message } = await refusal(start({ port }, never))
    expect(reason).to.equal('INVALID_REQUEST')
    expect(message).to.equal(`cannot listen on 127.0.0.1:${port}: the port is in use`)
  })

  it('leaves no key behind when the port is taken meanwhile', async () => {
    const port = await takenPort()
    await releaseAll()
    const slow = instead(world.backend, {
      async getStoreInfo(request, call) {
        await takenPort(port)
        return world.backend.getStoreInfo(request, call)
      },
    })
    const closed = await keysClosedDuring(async () => {
      const { reason, message } = await refusal(start({ port }, slow))
      expect(reason).to.equal('INVALID_REQUEST')
      expect(message).to.include(`cannot listen on 127.0.0.1:${port}`)
      expect(made).to.deep.equal([config().keyringFile]) // whoever starts it again finds it made
    })
    expect(closed).to.equal(2)
  })

  it('logs for each stream the number of items and of failed items', async () => {
    const { log, events } = keepingLog()
    const parts = { backend: world.backend, log, keyringMade: () => undefined }
    const running = await startFrontend(config(), parts, new AbortController().signal)
    started.push(running)
    const client = frontendClient({ address: `127.0.0.1:${running.port}` })
    const records = ['u', '', 'v'].map((userId, at) => ({ itemId: `${at}`, record: { userId, data } }))
    for await (const _ of client.storeRecords(records));
    for await (const _ of client.retrieveRecords([{ itemId: '0', record: { userId: 'u' } }]));
    client.close()
    await started.pop()!.stop()
    const lines = events.filter(({ message }) => message === 'call')
    expect(lines).to.have.length(2)
    expect(lines[0]).to.include({ status: 'OK', items: 3, failedItems: 1 })
    expect(lines[1]).to.include({ status: 'OK', items: 1, failedItems: 1 }) // it has no token
  })

  it('waits for the back end until its signal aborts', async () => {
    const down = instead(world.backend, { getStoreInfo: () => Promise.reject(new VaultError('UNREACHABLE')) })
    const stopping = new AbortController()
    const parts = { backend: down, log: silentLog, keyringMade: () => made.push('none is') }
    const starting = startFrontend(config(), parts, stopping.signal).catch(() => 'given up')
    setTimeout(() => stopping.abort(), 50)
    expect(await starting).to.equal('given up')
    expect(made).to.deep.equal([])
  })

  it('stops when calls in flight are answered, and wipes its keys then', async () => {
    let arrived: () => void = () => undefined
    const sending = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const slow = instead(world.backend, {
      async storeEnvelope(request, call) {
        arrived()
        await new Promise((resolve) => setTimeout(resolve, 200))
        return world.backend.storeEnvelope(request, call)
      },
    })
    const running = await start({}, slow)
    const client = frontendClient({ address: `127.0.0.1:${running.port}` })
    const storing = client.storeRecord({ userId: 'u', data })
    await sending
    const closed = await keysClosedDuring(async () => {
      await started.pop()!.stop()
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect((await storing).version).to.equal(1n)
    // The keyring's two and the user's.
    expect(closed).to.be.at.least(3)
    client.close()
  })
})
