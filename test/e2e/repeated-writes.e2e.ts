// The answer to a write is lost on its way to the caller, who made the token: the repeat returns the version that is stored,
// and the token opens it.
import { createCipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type FrontendClient, VaultError } from '../../src/frontend/client.js'
import { type CallerSecret, modes, newSecret } from '../frontend/tokens.js'
import { refusal, until } from './calls.js'
import { sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const data = Buffer.from('PAYLOADS')
const large = randomBytes(3 * 1024 * 1024)

interface Write {
  secret: CallerSecret
  userId: string
  /** Of a repeat. */
  triedMsAgo: number
}

interface Written {
  version: bigint
  keyId: Buffer
  recordKey: string
}

interface Operation {
  name: string
  contents: Buffer
  version: bigint
  prepare?(client: FrontendClient, userId: string): Promise<unknown>
  write(client: FrontendClient, write: Write): Promise<Written>
}

const legacyKey = randomBytes(32)
const cipher = createCipheriv('aes-256-gcm', legacyKey, Buffer.alloc(12))
const blob = Buffer.concat([Buffer.alloc(12), cipher.update(data), cipher.final(), cipher.getAuthTag()])
const former = newSecret(modes.client)

const operations: Operation[] = [
  {
    name: 'store',
    contents: data,
    version: 1n,
    write: (client, { secret, ...rest }) => client.storeRecord({ ...rest, ...secret.fields, data }),
  },
  {
    name: 'store on a stream',
    contents: data,
    version: 1n,
    async write(client, { secret, ...rest }) {
      const record = { ...rest, ...secret.fields, data }
      for await (const { answer, error } of client.storeRecords([{ itemId: 'one', record }])) {
        if (answer) return answer
        throw error
      }
      throw new VaultError('OUTCOME_UNKNOWN')
    },
  },
  {
    name: 'upload',
    contents: large,
    version: 1n,
    write: (client, { secret, ...rest }) => client.uploadRecord({ ...rest, ...secret.fields }, [large]),
  },
  {
    name: 'import',
    contents: data,
    version: 1n,
    write: (client, { secret, ...rest }) =>
      client.importLegacyRecord({ ...rest, ...secret.fields, blob, key: legacyKey }),
  },
  {
    name: 'restore',
    contents: data,
    version: 3n,
    async prepare(client, userId) {
      await client.storeRecord({ userId, ...former.fields, data, keepVersions: 5 })
      await client.storeRecord({ userId, data: Buffer.from('later') })
    },
    write: (client, { secret: { fields, keyMode, recordKey }, ...rest }) => {
      const own = { newRecordKey: recordKey, keyMode, ...(fields.writeId && { writeId: fields.writeId }) }
      return client.restoreRecord({ ...rest, ...own, recordKey: former.recordKey, version: 1n })
    },
  },
]

/** Passes all that goes up, and down until the first answer, so that an upload gets its windows. */
function withoutAnswers(): (direction: string, piece: Buffer) => boolean {
  let held = false
  return (direction, piece) => {
    if (direction === 'up') return true
    held ||= hasAnswer(piece)
    return !held
  }
}

/** True if one of the HTTP/2 frames of the piece has header fields or data (RFC 9113 section 4.1). */
function hasAnswer(piece: Buffer): boolean {
  const headerBytes = 9
  for (let at = 0; at + headerBytes <= piece.length; at += headerBytes + piece.readUIntBE(at, 3)) {
    if ((piece[at + 3] as number) <= 1) return true
  }
  return false
}

describe('e2e: a write whose answer is lost', () => {
  const box = sandbox()
  let proxy: TcpProxy
  let cut: FrontendClient
  let direct: FrontendClient

  before(async () => {
    const backend = await box.backend()
    const set = { 'frontend.legacyImport.enabled': true, 'frontend.legacyImport.until': '2999-12-31' }
    const frontend = await box.frontend({ backend, set })
    proxy = await startProxy(box, frontend)
    cut = box.client(proxy)
    direct = box.client(frontend)
    await cut.listRecords({ userId: 'nobody' })
  })

  const newest = async (userId: string) => (await direct.listRecords({ userId })).records[0]

  for (const { name, contents, version, prepare, write } of operations) {
    for (const [modeName, keyMode] of Object.entries(modes)) {
      it(`(${name}, mode ${modeName}) is the same write when its caller repeats it`, async () => {
        const userId = `${name} ${modeName}`
        const secret = newSecret(keyMode)
        await prepare?.(direct, userId)
        proxy.filter(withoutAnswers())
        const begun = performance.now()
        const lost = write(cut, { secret, userId, triedMsAgo: 0 }).catch((error: unknown) => error)
        await until(async () => (await newest(userId))?.keyId.equals(secret.keyId) === true)
        proxy.resume()
        proxy.cut()
        // The client may have repeated the call by itself; else its outcome is unknown.
        const outcome = await lost
        if (outcome instanceof VaultError) expect(outcome.reason).to.be.oneOf(['OUTCOME_UNKNOWN', 'UNREACHABLE'])
        else expect(outcome).to.deep.include({ version, keyId: secret.keyId })
        const triedMsAgo = Math.ceil(performance.now() - begun)
        const again = await write(direct, { secret, userId, triedMsAgo })
        expect(again).to.deep.include({ version, keyId: secret.keyId, recordKey: secret.recordKey })
        const download = await direct.downloadRecord({ record: { userId, recordKey: secret.recordKey } })
        const pieces: Buffer[] = []
        for await (const piece of download.chunks) pieces.push(piece)
        expect(Buffer.concat(pieces).equals(contents)).to.equal(true)
        expect((await newest(userId))?.version).to.equal(version)
      })
    }
  }

  it('stays deleted when its caller repeats it later', async () => {
    const [userId, secret] = ['deleted', newSecret(modes.split)]
    await direct.storeRecord({ userId, ...secret.fields, data })
    await direct.deleteRecord({ userId })
    const late = direct.storeRecord({ userId, ...secret.fields, data, triedMsAgo: 1 })
    expect((await refusal(late)).reason).to.equal('OUTCOME_UNKNOWN')
    expect(await newest(userId)).to.equal(undefined)
  })
})
