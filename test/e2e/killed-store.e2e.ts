// A feclient that is killed between the store and its answer: the record key is on disk.
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { FrontendClient } from '../../src/frontend/client.js'
import { eventsIn, until } from './calls.js'
import { ended, startFeclient } from './feclient.js'
import { type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const answerMs = 1_000
const user = ['--user', 'alice', '--name', 'note']

describe('e2e: a killed store', () => {
  const box = sandbox()
  let folder: string
  let frontend: Server
  let proxy: TcpProxy
  let client: FrontendClient

  before(async () => {
    folder = box.folder()
    frontend = await box.frontend({ backend: await box.backend(), set: { 'log.dir': folder } })
    proxy = await startProxy(box, frontend)
    client = box.client(frontend)
    writeFileSync(join(folder, 'note.txt'), 'second')
  })

  const callsOf = (called: string) =>
    eventsIn(join(folder, 'feserver.log')).filter(({ method }) => `${method}`.endsWith(`/${called}`))
  const pendingOf = (keyFile: string) =>
    readdirSync(folder).filter((name) => name.startsWith(keyFile) && name.endsWith('.pending'))
  const keyIn = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
  const opened = async (recordKey: string) =>
    (await client.retrieveRecord({ userId: 'alice', recordName: 'note', recordKey })).data.toString()

  for (const [command, method] of [
    ['upload', 'UploadRecord'],
    ['store', 'StoreRecord'],
  ] as const) {
    it(`leaves the record key of ${command} on disk, which opens the record`, async () => {
      const keyFile = `${command}.key`
      await client.storeRecord({ userId: 'alice', recordName: 'note', data: Buffer.from('first') })
      await until(() => callsOf('StoreRecord').length > (command === 'store' ? 1 : 0))
      const done = callsOf(method).length
      proxy.delay(answerMs)
      const args = [command, ...user, '--in', 'note.txt', '--key-out', keyFile]
      const killed = startFeclient(box, { folder, address: proxy.address }, args)
      await until(() => callsOf(method).length > done)
      killed.kill('SIGKILL')
      await once(killed, 'exit')
      proxy.delay(0)
      expect(callsOf(method).at(-1)).to.include({ status: 'OK' })
      expect(existsSync(join(folder, keyFile))).to.equal(false)
      const [pending = ''] = pendingOf(keyFile)
      expect(await opened(keyIn(pending))).to.equal('second')
      const again = await ended(startFeclient(box, { folder, address: frontend.address }, args))
      expect(again.code).to.equal(0)
      expect(again.stderr).to.include(`${pending} has the record key of an earlier write of unknown outcome`)
      expect(await opened(keyIn(keyFile))).to.equal('second')
      expect(pendingOf(keyFile)).to.deep.equal([pending])
    })
  }

  it('gives the file its name once the answer has come, and leaves none after a failure', async () => {
    const run = (...args: string[]) => ended(startFeclient(box, { folder, address: frontend.address }, args))
    expect((await run('store', ...user, '--in', 'note.txt', '--key-out', 'good.key')).code).to.equal(0)
    expect(await opened(keyIn('good.key'))).to.equal('second')
    const refused = await run('store', ...user, '--if-absent', '--in', 'note.txt', '--key-out', 'bad.key')
    expect(refused.code).to.equal(1)
    expect([...pendingOf('good.key'), ...pendingOf('bad.key')]).to.deep.equal([])
    expect(existsSync(join(folder, 'bad.key'))).to.equal(false)
  })
})
