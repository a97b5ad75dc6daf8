// Two front ends of one keyring are one vault: what one wrote the other opens, and a user has one key. Where back ends can
// share a store, each front end has its own.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { backendClient, newCall } from '../../src/backend/client.js'
import { type FrontendClient, KeyMode } from '../../src/frontend/client.js'
import type { Keyring } from '../../src/frontend/keys/keyring.js'
import { textOf } from '../../src/frontend/keys/keyring-checksum.js'
import { readKeyring } from '../../src/frontend/keys/keyring-file.js'
import { parseKeyringText } from '../../src/frontend/keys/keyring-text.js'
import { recordIds } from '../../src/frontend/keys/record-ids.js'
import { health, refusal, until } from './calls.js'
import { describeEngines } from './engines.js'
import { type Server, sandbox } from './processes.js'

const data = Buffer.from('contents')

describeEngines('e2e: two front ends with one keyring', (engine) => {
  const box = sandbox(engine)
  let backend: Server
  let keyringFile: string
  let clients: [FrontendClient, FrontendClient]

  before(async () => {
    const folder = box.folder()
    const newBackend = () => box.backend({ dataDir: join(folder, 'backend') })
    backend = await newBackend()
    keyringFile = join(folder, 'keyring.json')
    const one = await box.frontend({ backend, keyringFile })
    const two = await box.frontend({ backend: engine === 'level' ? backend : await newBackend(), keyringFile })
    clients = [box.client(one), box.client(two)]
  })

  it('records written through one open through the other, in every mode', async () => {
    for (const keyMode of [KeyMode.KEY_MODE_CLIENT, KeyMode.KEY_MODE_SERVER, KeyMode.KEY_MODE_SPLIT]) {
      for (const [writer, reader] of [clients, [...clients].reverse()] as FrontendClient[][]) {
        const name = { userId: 'JTH', recordName: `mode ${keyMode}` }
        const data = Buffer.from(`PAYLOADS ${keyMode}`)
        const { recordKey } = await (writer as FrontendClient).storeRecord({ ...name, keyMode, data })
        const opened = await (reader as FrontendClient).retrieveRecord({ ...name, recordKey })
        expect(opened.data.equals(data)).to.equal(true)
      }
    }
    const [one, two] = clients
    const { keyId } = await one.storeRecord({ userId: 'JTH', data })
    await two.storeRecord({ userId: 'JTH', data })
    const precondition = { condition: { $case: 'keyId' as const, value: keyId } }
    expect((await refusal(one.storeRecord({ userId: 'JTH', data, precondition }))).reason).to.equal(
      'PRECONDITION_FAILED',
    )
    expect((await two.deleteRecord({ userId: 'JTH' })).deleted).to.equal(true)
    expect((await refusal(one.deleteRecord({ userId: 'JTH' }))).reason).to.equal('RECORD_NOT_FOUND')
  })

  it('100 racing first stores of one user make one user key, and every record opens through both', async () => {
    const userId = 'new user'
    const stored = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const recordName = `record ${index}`
        const data = Buffer.from(`contents ${index}`)
        const { recordKey } = await (clients[index % 2] as FrontendClient).storeRecord({ userId, recordName, data })
        return { recordName, data, recordKey }
      }),
    )
    for (const client of clients) {
      await Promise.all(
        stored.map(async ({ recordName, data, recordKey }) => {
          expect((await client.retrieveRecord({ userId, recordName, recordKey })).data.equals(data)).to.equal(true)
        }),
      )
    }
    const { methods, close } = backendClient(backend)
    box.defer(close)
    const userPseudonyms = recordIds((await readKeyring(keyringFile)) as Keyring).users(userId)
    const request = { userPseudonyms, pageSize: 1000, afterRecordId: Buffer.alloc(0) }
    const { user, records } = await methods.listEnvelopes(request, newCall())
    expect(records).to.have.length(100)
    expect(user?.generations).to.have.length(1)
    for (const { userUid } of records) expect(userUid.equals(user?.userUid as Buffer)).to.equal(true)
  })

  it('of racing stores with `absent`, one succeeds', async () => {
    const precondition = { condition: { $case: 'absent' as const, value: true } }
    const request = { userId: 'another user', recordName: 'contested', data, precondition }
    const racing = Array.from({ length: 20 }, (_, index) => (clients[index % 2] as FrontendClient).storeRecord(request))
    const outcomes = await Promise.allSettled(racing)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.reason] : []))
    expect(new Set(reasons)).to.deep.equal(new Set(['ALREADY_EXISTS']))
  })
})

describeEngines('e2e: front ends that meet at an empty store', (engine) => {
  const box = sandbox(engine)

  it('started at once with one keyring file, they share the keyring that one of them makes', async () => {
    const backend = await box.backend()
    const keyringFile = join(box.folder(), 'frontend', 'keyring.json')
    const starting = Array.from({ length: 3 }, () => box.frontend({ backend, keyringFile }))
    const frontends = await Promise.all(starting)
    const opened = frontends.map((frontend) => box.client(frontend))
    const { recordKey } = await (opened[0] as FrontendClient).storeRecord({ userId: 'JTH', data })
    for (const client of opened) await client.retrieveRecord({ userId: 'JTH', recordKey })
    expect(frontends.filter(({ stderr }) => stderr().includes('created a keyring'))).to.have.length(1)
  })

  it('with a keyring each, the first write decides whose store it is', async () => {
    const backend = await box.backend()
    const owner = await box.frontend({ backend })
    const stranger = await box.frontend({ backend })
    await until(async () => (await health(stranger)) === 'SERVING') // nothing is written yet
    const { recordKey } = await box.client(owner).storeRecord({ userId: 'JTH', data })
    const refused = await refusal(box.client(stranger).storeRecord({ userId: 'JTH', data }))
    expect(refused.reason).to.equal('KEYRING_MISMATCH')
    await until(async () => (await health(stranger)) === 'NOT_SERVING')
    expect(await health(owner)).to.equal('SERVING')
    await box.client(owner).retrieveRecord({ userId: 'JTH', recordKey })
  })
})

describeEngines('e2e: a front end with a wrong key', (engine) => {
  const box = sandbox(engine)

  it('does not start beside the store, and names the key; with the right key it reads again', async () => {
    const folder = box.folder()
    const backend = await box.backend({ dataDir: join(folder, 'backend') })
    const keyringFile = join(folder, 'keyring.json')
    const first = await box.frontend({ backend, keyringFile })
    const { recordKey } = await box.client(first).storeRecord({ userId: 'JTH', data })
    expect(await first.stop()).to.deep.include({ code: 0 })
    const right = readFileSync(keyringFile, 'utf8')
    const file = parseKeyringText(right)
    const key = Buffer.alloc(32, 1).toString('base64')
    const mistakes: [string, RegExp][] = [
      [
        right.replace('"state": "active"', '"state": "actove"'),
        /keyring.json: the keyring is damaged: pseudonym_keys 1/,
      ],
      [right.replace('default', 'defaulT'), /keyring.json: the keyring does not match its checksum/],
      [
        textOf({ ...file, pseudonym_keys: [{ ...file.pseudonym_keys[0]!, key }] }),
        /: pseudonym key 1 of the keyring is not/,
      ],
      [
        textOf({ ...file, key_encryption_keys: [{ ...file.key_encryption_keys[0]!, key }] }),
        /: key-encryption key 1 of the keyring is not/,
      ],
    ]
    for (const [text, problem] of mistakes) {
      writeFileSync(keyringFile, text)
      const set = {
        'frontend.port': 0,
        'frontend.keyringFile': keyringFile,
        'frontend.backend.address': backend.address,
      }
      const refused = box.run('feserver', { set })
      expect((await refused.exited).code).to.be.oneOf([1, 2])
      expect(refused.stderr()).to.match(problem)
      expect(refused.stderr()).to.include('restore')
    }
    writeFileSync(keyringFile, right)
    const again = await box.frontend({ backend, keyringFile })
    await box.client(again).retrieveRecord({ userId: 'JTH', recordKey })
  })

  it('does not write beside another front end of the same keyring id, whoever is first', async () => {
    const backend = await box.backend()
    const folder = box.folder()
    const [one, two] = [join(folder, 'one.json'), join(folder, 'two.json')]
    const frontends = [await box.frontend({ backend, keyringFile: one })]
    const file = parseKeyringText(readFileSync(one, 'utf8'))
    const other = { ...file.pseudonym_keys[0]!, key: Buffer.alloc(32, 2).toString('base64') }
    writeFileSync(two, textOf({ ...file, pseudonym_keys: [other] }), { mode: 0o600 })
    frontends.push(await box.frontend({ backend, keyringFile: two })) // nothing is written yet
    const outcomes = await Promise.all(
      frontends.map((frontend) =>
        Promise.allSettled(
          Array.from({ length: 20 }, (_, at) =>
            box.client(frontend).storeRecord({ userId: 'JTH', recordName: `${at}`, data }),
          ),
        ),
      ),
    )
    const written = outcomes.map((all) => all.filter(({ status }) => status === 'fulfilled').length)
    expect(written.toSorted((a, b) => a - b)).to.deep.equal([0, 20])
    for (const outcome of outcomes[written.indexOf(0)]!) {
      expect(outcome.status === 'rejected' && outcome.reason.reason).to.equal('KEYRING_MISMATCH')
    }
    await until(async () => (await health(frontends[written.indexOf(0)]!)) === 'NOT_SERVING')
  })
})
