// docs/operations/moving-records.md: a record copied from a back end on LevelDB and put back on another engine, with the
// programs an operator has.
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { refusal } from './calls.js'
import { describeEngines } from './engines.js'
import { distFolder, sandbox } from './processes.js'

const run = promisify(execFile)
const name = { userId: 'JTH', recordName: 'diary' }
const data = Buffer.from('PAYLOADS'.repeat(8))

/** Runs a program to its end; rejects unless it succeeds. */
async function printed(program: string, ...args: string[]): Promise<string> {
  return (await run(process.execPath, [join(distFolder, 'cmd', `${program}.js`), ...args])).stdout
}

describe('e2e: a record copied from LevelDB', () => {
  const origin = sandbox()
  let keyringFile: string
  let copyFile: string
  let recordKey: string
  let keyringId: string

  before(async () => {
    const folder = origin.folder()
    keyringFile = join(folder, 'keyring.json')
    copyFile = join(folder, 'record.bin')
    const dataDir = join(folder, 'backend')
    const backend = await origin.backend({ dataDir })
    const frontend = await origin.frontend({ backend, keyringFile })
    recordKey = (await origin.client(frontend).storeRecord({ ...name, data })).recordKey
    await frontend.stop()
    await backend.stop()
    const [, recordId] = /^record id +([0-9a-f]{144})$/m.exec(await printed('enc-server', 'inspect', dataDir)) ?? []
    const { address } = await origin.backend({ dataDir })
    await printed('beclient', 'get', '--address', address, '--record-id', recordId as string, '--out', copyFile)
    keyringId = JSON.parse(await printed('beclient', 'info', '--address', address, '--json')).keyringId
  })

  it('is in a file for its owner alone', () => {
    expect(statSync(copyFile).mode & 0o777).to.equal(0o600)
  })

  describeEngines('and put back', (engine) => {
    const box = sandbox(engine)

    it('opens with its key, in a store that is new', async () => {
      const backend = await box.backend()
      const store = ['store', '--address', backend.address, '--in', copyFile, '--if-absent']
      expect(await printed('beclient', ...store, '--keyring-id', keyringId)).to.match(/^stored as version 1, key id /)
      const client = box.client(await box.frontend({ backend, keyringFile }))
      expect((await client.retrieveRecord({ ...name, recordKey })).data).to.deep.equal(data)
      expect((await refusal(client.retrieveRecord(name))).reason).to.equal('RECORD_KEY_MISMATCH')
      const listed = (await client.listRecords({ userId: name.userId })).records
      expect(listed.map(({ recordName }) => recordName)).to.deep.equal([name.recordName])
    })
  })
})
