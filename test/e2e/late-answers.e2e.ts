// Stores whose answers come too late: the record always opens, with the token before or with the one that was tried.
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import { type FrontendClient, KeyMode, newRecordKey, triedWrite } from '../../src/frontend/client.js'
import { describeEngines } from './engines.js'
import { sandbox } from './processes.js'

const stores = 200
const userId = 'JTH'

describeEngines('e2e: late answers', (engine) => {
  const box = sandbox(engine)
  let client: FrontendClient

  before(async () => {
    client = box.client(await box.frontend({ backend: await box.backend() }))
  })

  async function opens(recordName: string, recordKey: string): Promise<string | undefined> {
    try {
      return (await client.retrieveRecord({ userId, recordName, recordKey })).data.toString()
    } catch (error) {
      if (error instanceof VaultError && error.reason === 'RECORD_KEY_MISMATCH') return undefined
      throw error
    }
  }

  /** A late write may take effect between two looks, so there are as many looks as it takes, within reason. */
  async function opensWithOneOf(recordName: string, known: { text: string; recordKey: string }[]): Promise<boolean> {
    for (let look = 0; look < 5; look += 1) {
      for (const { text, recordKey } of known) {
        const found = await opens(recordName, recordKey)
        if (found === text || (recordKey === '' && known.some((write) => write.text === found))) return true
      }
    }
    return false
  }

  for (const [name, keyMode] of [
    ['split', KeyMode.KEY_MODE_SPLIT],
    ['client', KeyMode.KEY_MODE_CLIENT],
    ['server', KeyMode.KEY_MODE_SERVER],
  ] as const) {
    it(`lose no record of mode ${name}, in ${stores} stores with a deadline of 2 ms`, async () => {
      const record = { userId, recordName: name, keyMode }
      const first = await client.storeRecord({ ...record, data: Buffer.from('first') })
      /** Every write of which the caller has a token, the newest first: one of them is the current version. */
      const known = [{ text: 'first', recordKey: first.recordKey }]
      let late = 0
      for (let at = 0; at < stores; at += 1) {
        const text = `contents ${at}`
        const recordKey = await client.storeRecord({ ...record, data: Buffer.from(text) }, { timeoutMs: 2 }).then(
          (answer) => answer.recordKey,
          (error: unknown) => {
            late += 1
            return triedWrite(error)?.recordKey ?? 'none'
          },
        )
        known.unshift({ text, recordKey })
        expect(await opensWithOneOf(name, known)).to.equal(true)
      }
      process.stdout.write(`    ${late} of ${stores} answers were late\n`)
      expect(late).to.be.greaterThan(0)
    })
  }

  it('that got lost are given by a repeat with the same token, which makes no further version', async () => {
    const recordKey = newRecordKey()
    const write = { userId, recordName: 'repeated', data: Buffer.from('once'), recordKey }
    const first = await client.storeRecord(write)
    const again = await client.storeRecord({ ...write, triedMsAgo: 1 })
    expect(again).to.deep.equal(first)
    const other = client.storeRecord({ ...write, data: Buffer.from('twice'), triedMsAgo: 1 })
    expect(await other.catch((error: VaultError) => error.reason)).to.equal('TOKEN_REUSED')
  })
})
