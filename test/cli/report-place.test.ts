import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type JobReportFlags, openJobReport, refuseSameFile } from '../../src/cli/transfer/job-report.js'
import { VaultError } from '../../src/core/errors.js'
import { fakeTerminal } from './fake-terminal.js'

describe('where a report goes', () => {
  it('is refused over another file of the command, also while neither is there', async () => {
    const written = { flag: '--report', path: './nowhere-yet.keys' }
    const error = await refuseSameFile(written, ['nowhere-yet.keys']).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(VaultError).and.include({ reason: 'INVALID_REQUEST' })
    await refuseSameFile(written, ['another.keys', undefined])
  })

  describe('in a folder', () => {
    let folder: string
    let report: string
    const failure = new VaultError('RECORD_NOT_FOUND')

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'enc-server-report-'))
      report = join(folder, 'failed.ndjson')
    })

    afterEach(() => rm(folder, { recursive: true }))

    const tallyOf = (flags: JobReportFlags) =>
      openJobReport('exported', flags, { terminal: fakeTerminal([]), signal: new AbortController().signal })

    const messageOf = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)

    it('is a new file, or that of the run which is resumed', async () => {
      await writeFile(report, 'precious')
      expect(await messageOf(tallyOf({ report }))).to.equal(`--report: ${report} exists: remove it, or name another`)
      expect(await readFile(report, 'utf8')).to.equal('precious')
      for (const told of [{ resume: true }, { force: true }] as const) {
        const tally = await tallyOf({ report, ...told })
        await tally.failed({ line: 7 }, failure)
        await tally.close()
        expect(JSON.parse(await readFile(report, 'utf8'))).to.include({ line: 7, reason: 'RECORD_NOT_FOUND' })
      }
    })

    it('is for what is not shown: of many that fail at once the first twenty are', async () => {
      for (const flags of [{}, { report }]) {
        const terminal = fakeTerminal([])
        const tally = await openJobReport('exported', flags, { terminal, signal: new AbortController().signal })
        await Promise.all(Array.from({ length: 50 }, (_, at) => tally.failed({ line: at + 1 }, failure)))
        await tally.close()
        const lines = terminal.printed().stderr.trimEnd().split('\n')
        expect(lines).to.have.length(21)
        for (const [at, line] of lines.slice(0, 20).entries()) expect(line.startsWith(`line ${at + 1}:`)).to.equal(true)
        expect(lines[20]).to.match(/^\.\.\. and more/)
      }
      expect((await readFile(report, 'utf8')).trimEnd().split('\n')).to.have.length(50)
    })

    it('takes the place of no file that appears meanwhile', async () => {
      const tally = await tallyOf({ report, resume: true })
      await tally.failed({ line: 7 }, failure)
      await writeFile(report, 'record keys')
      const appeared = `--report: ${report} has appeared meanwhile, and is left as it is`
      expect(await messageOf(tally.close())).to.equal(appeared)
      expect(await readFile(report, 'utf8')).to.equal('record keys')
      expect(await readdir(folder)).to.deep.equal(['failed.ndjson'])
    })
  })
})
