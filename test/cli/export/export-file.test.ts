// A record that an export downloads by itself, after an interrupted export of another version.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { downloadFile, type FileExport, type PlacedItem } from '../../../src/cli/export/export-file.js'
import { openExportedFiles } from '../../../src/cli/export/exported-files.js'
import { VaultError } from '../../../src/core/errors.js'
import type { FrontendClient } from '../../../src/frontend/client.js'

describe('export of a large record', () => {
  let out: string

  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), 'enc-server-export-'))
  })
  afterEach(() => rm(out, { recursive: true }))

  const bytesOf = (version: number) => Buffer.alloc(3000, version)

  /** Serves that version, or breaks in the middle of it. */
  function client(version: number, breaks: boolean): FrontendClient {
    async function* chunks() {
      yield bytesOf(version).subarray(0, 1000)
      if (breaks) throw new VaultError('UNREACHABLE')
      yield bytesOf(version).subarray(1000)
    }
    const record = { version: BigInt(version), keyId: Buffer.alloc(16, version), sizeBytes: 3000n }
    const downloadRecord = async ({ record: { expectKeyId } }: { record: { expectKeyId?: Buffer } }) => {
      if (expectKeyId && !expectKeyId.equals(record.keyId)) throw new VaultError('PRECONDITION_FAILED')
      return { record, chunks: chunks() }
    }
    return { downloadRecord } as unknown as FrontendClient
  }

  async function exported(version: number, breaks: boolean, how: { force?: true; resume?: true } = {}) {
    const item = {
      request: { userId: 'alice', recordName: 'film', recordKey: '' },
      entry: { user: 'alice', aad: Buffer.alloc(0) },
      keyId: Buffer.alloc(16, version),
      record: { user: 'alice', name: 'film' },
      path: join(out, 'film'),
    } as PlacedItem
    const files = await openExportedFiles(out)
    const flags = { out, timeout: 5, ...how } as FileExport['flags']
    const session = { signal: new AbortController().signal } as FileExport['session']
    try {
      await downloadFile(item, { client: client(version, breaks), exported: files, flags, session })
      return 'done'
    } catch (error) {
      return (error as VaultError).reason
    } finally {
      await files.close()
    }
  }

  for (const how of [{ resume: true }, { force: true }, { force: true, resume: true }] as const) {
    it(`starts over after one of another version, with ${Object.keys(how).join(' and ')}`, async () => {
      expect(await exported(1, true)).to.equal('UNREACHABLE')
      expect(await exported(2, false, how)).to.equal('done')
      expect((await readFile(join(out, 'film'))).equals(bytesOf(2))).to.equal(true)
      expect(await readdir(join(out, '.enc-server'))).to.deep.equal(['exported.ndjson'])
    })
  }
})
