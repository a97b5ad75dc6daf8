import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type JobReportFlags, openJobReport } from '../../../src/cli/transfer/job-report.js'
import { VaultError } from '../../../src/core/errors.js'
import { fakeTerminal } from '../fake-terminal.js'

describe('the report of a job', () => {
  describe('in a folder', () => {
    let folder: string
    let report: string
    const failure = new VaultError('RECORD_NOT_FOUND')

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'enc-server-report-'))
      report = join(folder, 'failed.ndjson')
    })

    afterEach(() => rm(folder, { recursive: true }))

    const open = (flags: JobReportFlags) =>
      openJobReport('exported', flags, { terminal: fakeTerminal([]), signal: new AbortController().signal })

    const messageOf = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)

    it('is a new file, or replaces that of the resumed run', async () => {
      await writeFile(report, 'precious')
      expect(await messageOf(open({ report }))).to.equal(`--report: ${report} exists: remove it, or name another`)
      expect(await readFile(report, 'utf8')).to.equal('precious')
      for (const flags of [{ resume: true }, { force: true }] as const) {
        const job = await open({ report, ...flags })
        await job.addFailure({ line: 7 }, failure)
        await job.close()
        expect(JSON.parse(await readFile(report, 'utf8'))).to.include({ line: 7, reason: 'RECORD_NOT_FOUND' })
      }
    })

    it('lists every failure, while only the first twenty are printed', async () => {
      for (const flags of [{}, { report }]) {
        const terminal = fakeTerminal([])
        const job = await openJobReport('exported', flags, { terminal, signal: new AbortController().signal })
        await Promise.all(Array.from({ length: 50 }, (_, at) => job.addFailure({ line: at + 1 }, failure)))
        await job.close()
        const lines = terminal.printed().stderr.trimEnd().split('\n')
        expect(lines).to.have.length(21)
        for (const [at, line] of lines.slice(0, 20).entries()) expect(line.startsWith(`line ${at + 1}:`)).to.equal(true)
        expect(lines[20]).to.match(/^\.\.\. and more/)
      }
      expect((await readFile(report, 'utf8')).trimEnd().split('\n')).to.have.length(50)
    })

    it('does not replace a file that is created meanwhile', async () => {
      const job = await open({ report, resume: true })
      await job.addFailure({ line: 7 }, failure)
      await writeFile(report, 'record keys')
      const appeared = `--report: ${report} was created meanwhile; it was not replaced`
      expect(await messageOf(job.close())).to.equal(appeared)
      expect(await readFile(report, 'utf8')).to.equal('record keys')
      expect(await readdir(folder)).to.deep.equal(['failed.ndjson'])
    })
  })
})
