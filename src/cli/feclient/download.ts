// feclient download: a record of any size, written as it comes. What comes is verified; the file appears when it is whole.
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
import { writeAll } from '../terminal/terminal.js'

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
Until it is whole, the file is called FILE.partial, for its owner only, and FILE.partial.state says how far it is.
After an interruption, of whatever kind, the same command with --resume goes on there: with the same version of the
record, or not at all. What is there counts as verified, so it must be this user's alone; the sha256 that is printed at
the end is of all of it. What comes out of standard output is good only if the exit code is 0.`

export function addDownload(program: Command, session: Session): void {
  const command = addReadFlags(addRecordFlags(program.command('download')))
    .description('Get a record of any size, or a range of its bytes. Without a record key only mode server opens.')
    .requiredOption('--out <file>', 'where the data goes: a new file, for its owner only; - is standard output')
    .option('--force', 'let --out replace a file')
    .option('--resume', 'go on with a download that was interrupted')
    .option('--offset <n>', 'the first byte wanted', wholeNumber(0), 0)
    .option('--length <n>', 'how many bytes (default: to the end)', wholeNumber(1))
    .option('--json', 'print one JSON object')
    .addHelpText('after', resumeHelp)
  withExamples(addFrontendFlags(command), examples).action((flags: DownloadFlags) => download(flags, session))
}

function check({ out, json, resume, force }: DownloadFlags): void {
  if (out !== '-') return
  if (json) throw invalidField('--json', 'needs an --out of its own: both are standard output')
  if (resume) throw invalidField('--resume', 'needs the file of the earlier run')
  if (force) throw invalidField('--force', 'goes with a file')
}

async function download(flags: DownloadFlags, session: Session): Promise<void> {
  check(flags)
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
    printDownloaded(record, { sink, flags }, session)
  } catch (error) {
    failure = error
    throw error
  } finally {
    const kept = await sink.close()
    if (kept > 0) {
      const goOn = isPermanent(failure) ? '' : '; --resume goes on with it'
      printNote(`${sink.path} holds the first ${formatBytes(kept)}${goOn}`, session.terminal)
    }
  }
}

const permanentKinds: Kind[] = ['notFound', 'conflict', 'corrupt', 'range']

/** What would end the next run too. */
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
  const receiving = {
    request,
    range: rangeOf(flags),
    sink,
    limit: { stallMs: timeout * 1000, signal: session.signal },
    onProgress: (totalBytes: number) => progress.show({ done: 0, failed: 0, bytes: sink.bytes, totalBytes }),
  }
  try {
    return await withFrontend(flags, session, (client) => downloadStream(client, receiving))
  } catch (error) {
    throw explainMissingKey(error, request)
  } finally {
    progress.clear()
  }
}

function printDownloaded(
  record: RecordInfo,
  { sink, flags }: { sink: Sink; flags: DownloadFlags },
  { terminal }: Session,
): void {
  const { bytes } = sink
  const sha256 = sink.sha256()
  const what = flags.out === '-' ? '' : `wrote ${flags.out}: `
  if (flags.json) printLine(toJson({ ...recordJson(record), bytes, sha256 }), terminal)
  else printNote(`${what}${bytes} bytes, ${recordSummary(record)}\nsha256 ${sha256}`, terminal)
}

function standardOutput({ terminal }: Session): Sink & Pick<DownloadFile, 'path' | 'publish' | 'close'> {
  const checksum = sha256()
  let bytes = 0
  const nothing = async () => undefined
  return {
    path: '-',
    earlier: undefined,
    get bytes() {
      return bytes
    },
    sha256: checksum.hex,
    begin: nothing,
    async append(chunk) {
      await writeAll(terminal.stdout, chunk)
      checksum.update(chunk)
      bytes += chunk.length
    },
    publish: nothing,
    close: async () => 0,
  }
}
