import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { checkKeyOutput, OutputFailure, writeResult } from '../../../src/cli/terminal/results.js'
import type { Output } from '../../../src/cli/terminal/terminal.js'

/** A standard output that is a file, as Node gives it to a process. */
function outputTo(path: string): Output & { close(): void } {
  const fd = openSync(path, 'w')
  const stderr = new PassThrough()
  return { stdout: Object.assign(new PassThrough(), { fd }), stderr, close: () => closeSync(fd) }
}

async function failureOf(write: () => Promise<void>): Promise<OutputFailure> {
  const thrown = await write().then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof OutputFailure)) throw new Error(`no OutputFailure: ${thrown}`)
  return thrown
}

const full = '/dev/full'

describe('results', () => {
  it('are in the file, whole and in order, when the write resolves', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'enc-server-results-'))
    const output = outputTo(join(folder, 'out'))
    const large = Buffer.alloc(3 * 1024 * 1024, 'x')
    await writeResult(output, 'first\n')
    await writeResult(output, large)
    expect(readFileSync(join(folder, 'out'))).to.deep.equal(Buffer.concat([Buffer.from('first\n'), large]))
    output.close()
    rmSync(folder, { recursive: true })
  })

  it('say what was done and what is lost when they cannot be written', async () => {
    const output = outputTo(full)
    const loss = { done: 'stored version 1', lost: 'its record key is lost' }
    const failure = await failureOf(() => writeResult(output, 'rvk1_', loss))
    expect(failure.message).to.equal(
      'stored version 1, but standard output cannot be written (ENOSPC: no space left on device): its record key is lost',
    )
    expect(failure.isSilent).to.equal(false)
    output.close()
  })

  it('are missed silently by a reader who left, unless something was done', async () => {
    const write = (_chunk: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    const output = {
      stdout: Object.assign(new PassThrough(), { write }),
      stderr: new PassThrough(),
    } as unknown as Output
    expect((await failureOf(() => writeResult(output, 'row'))).isSilent).to.equal(true)
    expect((await failureOf(() => writeResult(output, 'row', { done: 'the record is deleted' }))).isSilent).to.equal(
      false,
    )
  })

  it('refuse to be a record key where none can be kept', () => {
    for (const path of [full, '/dev/null']) {
      const output = outputTo(path)
      expect(() => checkKeyOutput(output), path).to.throw(
        OutputFailure,
        /^nothing was stored: standard output cannot take a record key \(/,
      )
      output.close()
    }
    expect(() => checkKeyOutput({ stdout: new PassThrough(), stderr: new PassThrough() })).not.to.throw()
  })
})
