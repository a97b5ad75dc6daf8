// feclient download: retrieves a record of any size as a stream. Only verified data is written, and the file appears only when
// it is complete.
import type { Command } from 'commander'
import { invalidField, type Kind, VaultError } from '../../core/errors.js'
import type { RecordInfo } from '../../frontend/client.js'
import { type DownloadFile, openDownload } from '../download/download-file.js'
import type { Range } from '../download/download-state.js'
import { downloadStream, type Sink } from '../download/download-stream.js'
import { sha256 } from '../files/sha256.js'
import { addFrontendFlags, addRecordFlags, withFrontend } from '../options/frontend-call.js'
import {
  addReadFlags,
  explainMissingKey,
  type ReadFlags,
  type ReadRequest,
  readRequestOf,
} from '../options/read-flags.js'
import { wholeNumber } from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { byteProgressText, formatBytes, progressLine } from '../terminal/progress.js'
import { recordJson, recordSummary } from '../terminal/record-info.js'
import { writeResult } from '../terminal/results.js'

interface DownloadFlags extends ReadFlags {
  out: string
  force?: true
  resume?: true
  offset: number
  length?: number
}

const examples = [
  'feclient download --user alice --name film --key-file film.key --out film.mp4',
  'feclient download --user alice --name film --key-file film.key --out film.mp4 --resume',
  'feclient download --user alice --name photos.tgz --key-file photos.key --out - | tar tz',
  'feclient download --user alice --name film --key-file film.key --out head.bin --length 4096',
]

const resumeHelp = `
Until the download is complete, the data is in FILE.partial (mode 0600) and its position in FILE.partial.state. After an
interruption, the same command with --resume continues there; it fails if the record has another version since then.
The data in FILE.partial was verified when it was written, so both files must belong to you and be writable only by you.
At the end, the sha256 of the whole file is printed. With --out -, use the data only if the exit code is 0.`

/** Adds `feclient download`. */
export function addDownload(program: Command, session: Session): void {
  const command = addReadFlags(addRecordFlags(program.command('download')))
    .description(
      'Retrieve and decrypt a record of any size, or a range of its bytes. Only a record of mode server needs no record key.',
    )
    .requiredOption('--out <file>', 'new file for the data, with mode 0600; - is standard output')
    .option('--force', 'allow --out to replace a file')
    .option('--resume', 'continue an interrupted download')
    .option('--offset <n>', 'offset of the first byte to retrieve', wholeNumber(0), 0)
    .option('--length <n>', 'number of bytes to retrieve (default: to the end)', wholeNumber(1))
    .option('--json', 'print one JSON object')
    .addHelpText('after', resumeHelp)
  withExamples(addFrontendFlags(command), examples).action((flags: DownloadFlags) => download(flags, session))
}

function checkFlags({ out, json, resume, force }: DownloadFlags): void {
  if (out !== '-') return
  if (json) throw invalidField('--json', 'needs --out FILE: data and JSON cannot share standard output')
  if (resume) throw invalidField('--resume', 'needs --out FILE, the file of the interrupted download')
  if (force) throw invalidField('--force', 'needs --out FILE')
}

async function download(flags: DownloadFlags, session: Session): Promise<void> {
  checkFlags(flags)
  const request = await readRequestOf(flags, session)
  const { out, force = false, resume = false } = flags
  const sink =
    out === '-'
      ? standardOutput(session)
      : await openDownload({ path: out, replace: force, resume, range: rangeOf(flags) })
  let failure: unknown
  try {
    const record = await receiveInto(sink, { request, flags }, session)
    await sink.publish()
    await printDownloaded(record, { sink, flags }, session)
  } catch (error) {
    failure = error
    throw error
  } finally {
    const kept = await sink.close()
    if (kept > 0) {
      const resumeHint = isPermanent(failure) ? '' : '; --resume continues it'
      printNote(`${sink.path} holds the first ${formatBytes(kept)}${resumeHint}`, session.terminal)
    }
  }
}

const permanentKinds: Kind[] = ['notFound', 'conflict', 'corrupt', 'range']

/** True if the next run would fail for the same reason. */
function isPermanent(error: unknown): boolean {
  return error instanceof VaultError && permanentKinds.includes(error.kind)
}

interface Download {
  request: ReadRequest
  flags: DownloadFlags
}

function rangeOf({ offset, length = 0 }: DownloadFlags): Range {
  return { offset, length }
}

async function receiveInto(sink: Sink, { request, flags }: Download, session: Session): Promise<RecordInfo> {
  const progress = progressLine('downloaded', session.terminal, byteProgressText)
  const { timeout } = flags
  const job = {
    request,
    range: rangeOf(flags),
    sink,
    limit: { stallMs: timeout * 1000, signal: session.signal },
    onProgress: (totalBytes: number) => progress.show({ done: 0, failed: 0, bytes: sink.bytes, totalBytes }),
  }
  try {
    return await withFrontend(flags, session, (client) => downloadStream(client, job))
  } catch (error) {
    throw explainMissingKey(error, request)
  } finally {
    progress.clear()
  }
}

async function printDownloaded(
  record: RecordInfo,
  { sink, flags }: { sink: Sink; flags: DownloadFlags },
  { terminal }: Session,
): Promise<void> {
  const { bytes } = sink
  const sha256 = sink.sha256()
  const done = `${flags.out === '-' ? '' : `wrote ${flags.out}: `}${bytes} bytes`
  if (flags.json) await printLine(toJson({ ...recordJson(record), bytes, sha256 }), terminal, { done })
  else printNote(`${done}, ${recordSummary(record)}\nsha256 ${sha256}`, terminal)
}

function standardOutput({ terminal }: Session): Sink & Pick<DownloadFile, 'path' | 'publish' | 'close'> {
  const checksum = sha256()
  let bytes = 0
  const noop = async () => undefined
  return {
    path: '-',
    earlier: undefined,
    get bytes() {
      return bytes
    },
    sha256: checksum.hex,
    begin: noop,
    async append(chunk) {
      await writeResult(terminal, chunk)
      checksum.update(chunk)
      bytes += chunk.length
    },
    publish: noop,
    close: async () => 0,
  }
}
