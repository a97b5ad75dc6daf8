// feclient import-legacy against a real vault, with databases as the earlier services wrote them.
import { createCipheriv, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { type FrontendClient, frontendClient } from '../../../src/frontend/client.js'
import { turns } from '../../turns.js'
import { fakeTerminal } from '../fake-terminal.js'
import { startVault, type Vault } from '../vault.js'

const idKey = 'an id key of exactly 32 bytes ..'
const idNonce = '0123456789ab'
const open = ['frontend.legacyImport.enabled=true', 'frontend.legacyImport.until=2999-12-31']

function seal(key: Buffer | string, nonce: Buffer | string, contents: Buffer | string): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([cipher.update(contents), cipher.final(), cipher.getAuthTag()])
}

interface OldRecord {
  user: string
  contents: Buffer
  key: Buffer
  document: object
}

/** As enc-server-go stored it. */
function goRecord(user: string, contents = randomBytes(50)): OldRecord {
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  const id = Buffer.concat([Buffer.from(idNonce), seal(idKey, idNonce, user)]).toString('hex')
  const record = Buffer.concat([nonce, seal(key, nonce, contents)]).toString('hex')
  return { user, contents, key, document: { _id: { $oid: randomBytes(12).toString('hex') }, id, record } }
}

/** As enc-server-py stored it. */
function pyRecord(user: string, contents = randomBytes(50)): OldRecord {
  const key = randomBytes(32)
  const [id, record] = [seal(key, idNonce, user).toString('hex'), seal(key, idNonce, contents).toString('hex')]
  return { user, contents, key, document: { _id: id, record } }
}

const ndjson = (objects: object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('')

describe('feclient import-legacy', () => {
  let folder: string
  let vault: Vault
  let client: FrontendClient
  const path = (name: string) => join(folder, name)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'enc-server-legacy-'))
    vault = await startVault(path('vault'), open)
    client = frontendClient({ address: vault.env['ENC_SERVER_FRONTEND_TARGET']! })
    await writeFile(path('id.key'), `${idKey}\n`)
  })
  after(async () => {
    client.close()
    await vault.stopFrontend()
    await vault.stopBackend()
    await rm(folder, { recursive: true })
  })

  async function prepare(name: string, records: OldRecord[], order = records) {
    await writeFile(path(`${name}.dump`), ndjson(order.map(({ document }) => document)))
    const keys = records.map(({ user, key }, at) => ({ user_id: user, key: key.toString(at % 2 ? 'hex' : 'base64') }))
    await writeFile(path(`${name}.old`), ndjson(keys))
  }

  function start(name: string, ...more: string[]) {
    const files = ['--dump', path(`${name}.dump`), '--keys', path(`${name}.old`), '--keys-out', path(`${name}.keys`)]
    const terminal = fakeTerminal(['feclient', 'import-legacy', ...files, '--id-nonce', idNonce, ...more], vault)
    return { terminal, code: feclient(terminal) }
  }

  async function expectImported(name: string, records: OldRecord[]) {
    const keys = (await readFile(path(`${name}.keys`), 'utf8')).trim().split('\n')
    expect(keys).to.have.length(records.length)
    for (const line of keys) {
      const { user, name: recordName, record_key: recordKey } = JSON.parse(line)
      const { data } = await client.retrieveRecord({ userId: user, recordName, recordKey })
      expect(data).to.deep.equal(records.find((record) => record.user === user)?.contents)
    }
  }

  const goFlags = () => ['--id-key-file', path('id.key')]

  it('imports a database of enc-server-go, whatever its order', async () => {
    const records = Array.from({ length: 300 }, (_, at) => goRecord(`go-${at}-é`))
    await prepare('go', records, records.toReversed())
    const { terminal, code } = start('go', ...goFlags())
    expect(await code, terminal.printed().stderr).to.equal(0)
    await expectImported('go', records)
  })

  it('imports a database of enc-server-py', async () => {
    const records = Array.from({ length: 300 }, (_, at) => pyRecord(`py-${at}`))
    await prepare('py', records)
    const { terminal, code } = start('py', '--form', 'bare')
    expect(await code, terminal.printed().stderr).to.equal(0)
    await expectImported('py', records)
  })

  it('imports the empty and the largest record, and refuses a larger one', async () => {
    const records = [goRecord('empty', Buffer.alloc(0)), goRecord('large', randomBytes(3_145_728))]
    const larger = goRecord('larger', randomBytes(3_145_729))
    await prepare('sizes', [...records, larger])
    const { terminal, code } = start('sizes', ...goFlags())
    expect(await code).to.equal(1)
    expect(terminal.printed().stderr).to.include('line 3: INVALID_REQUEST: blob: must be at most 3145756 bytes')
    await expectImported('sizes', records)
  })

  it('never imports the record of another user', async () => {
    const [one, other] = [goRecord('swapped-one'), goRecord('swapped-other')]
    const swapped = { ...(one.document as { id: string }), record: (other.document as { record: string }).record }
    await prepare('swapped', [{ ...one, document: swapped }, other])
    const { terminal, code } = start('swapped', ...goFlags())
    expect(await code).to.equal(1)
    expect(terminal.printed().stderr).to.include('line 1: RECORD_KEY_MISMATCH: ')
    await expectImported('swapped', [other])
  })

  it('resumes where it was stopped', async () => {
    const records = Array.from({ length: 1_000 }, (_, at) => goRecord(`resumed-${at}`))
    await prepare('resumed', records)
    const first = start('resumed', ...goFlags())
    const stored = () => readFile(path('resumed.keys'), 'utf8').catch(() => '')
    while (!statSync(path('resumed.keys'), { throwIfNoEntry: false })?.size) await turns(1)
    first.terminal.emit('SIGINT')
    expect(await first.code).to.equal(130)
    const before = (await stored()).trim().split('\n').length
    expect(before).to.be.within(1, 999)
    expect(first.terminal.printed().stderr).to.include(
      `stopped after ${before} records; the same command with --resume continues`,
    )
    const second = start('resumed', ...goFlags(), '--resume', '--json')
    expect(await second.code, second.terminal.printed().stderr).to.equal(0)
    expect(JSON.parse(second.terminal.printed().stdout)).to.include({ imported: 1_000 - before, skipped: before })
    await expectImported('resumed', records)
  })

  it('ends at once where the import is off, and leaves no file behind', async () => {
    const records = Array.from({ length: 100 }, (_, at) => goRecord(`off-${at}`))
    await prepare('off', records)
    const off = await startVault(path('off'))
    try {
      const address = off.env['ENC_SERVER_FRONTEND_TARGET']!
      const { terminal, code } = start('off', ...goFlags(), '--address', address)
      expect(await code).to.equal(1)
      const { stderr } = terminal.printed()
      expect(stderr).to.include("error: NOT_SUPPORTED: the import of the earlier services' records is off")
      expect(stderr).to.include(
        'hint: the operator of the front end can enable it until a given day (docs/operations/legacy-import.md)',
      )
      expect(stderr).not.to.include('is that the right server')
      expect(stderr).not.to.include('line ')
      expect(await readFile(path('off.keys')).catch(({ code: reason }) => reason)).to.equal('ENOENT')
    } finally {
      await off.stopFrontend()
      await off.stopBackend()
    }
  })
})
