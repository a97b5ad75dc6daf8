// feclient import: stores many records over one stream, from the lines of a file or the files of a folder, and writes their
// record keys to a file.

import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { invalidField } from '../../core/errors.js'
import { importFolder } from '../import/import-folder.js'
import type { ImportFlags } from '../import/import-job.js'
import { importLines } from '../import/import-lines.js'
import { addFrontendFlags } from '../options/frontend-call.js'
import { keyModes, keyModesHelp } from '../options/key-mode.js'
import { addWriteFlags } from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'

const examples = [
  'feclient import --in records.ndjson --keys-out keys.ndjson',
  'feclient import --in records.ndjson --keys-out keys.ndjson --resume --report failed.ndjson',
  'feclient import --in photos --user alice --keys-out photos.keys',
  'jq -c \'{user: .id, name: "profile", text: tojson}\' users.ndjson | feclient import --keys-out keys.ndjson',
]

const formatHelp = `
Each line of the input is one JSON object:
  {"user":"alice","name":"note","text":"some text"}
  {"user":"alice","name":"photo","data":"/9j/4AAQ","aad":"Y2FzZSA3","mode":"split"}
  {"user":"alice","name":"code","text":"4711","expire_time":"2027-01-01T00:00:00Z",
   "content_type":"text/plain","labels":{"for":"login"},"keep_versions":3}
  Without name, it is the user's unnamed record. data and aad are base64. A line has at most 5 MiB.
  docs/import-and-export.md lists all fields and explains each failure.

With a folder, every regular file in it and its subfolders becomes a record of --user. The record's name is the
file's path in the folder, with / as separator. Files may have any size. Symbolic links are not followed.

The keys file has one line for each stored record:
  {"user","name","key_id","record_key","version",...}
  The record key opens the record: keep the file safe. Lines are written as records are stored. After an
  interruption, the same command with --resume stores only the records without a line.
`

/** Adds `feclient import`. */
export function addImport(program: Command, session: Session): void {
  const command = program
    .command('import')
    .description(
      'Encrypt and store the records of an NDJSON file, or the files of a folder. Writes their record keys to a file.',
    )
    .option('--in <path>', 'NDJSON file with the records, or a folder; - is standard input (default: standard input)')
    .option('--user <id>', 'with a folder: the user of the records')
    .requiredOption('--keys-out <file>', 'new file for the record keys, with mode 0600; - is standard output')
    .option('--resume', 'continue an import that was interrupted or had failures, with its keys file')
    .option(
      '--changed',
      'with --resume: accept an input that has changed, if the lines that are stored already have not',
    )
    .option('--report <file>', 'new file for the failures, one JSON object per line; --resume replaces it')
    .addOption(
      new Option('--mode <mode>', `key mode of lines that name none. ${keyModesHelp} (default: split)`).choices(
        Object.keys(keyModes),
      ),
    )
  addWriteFlags(command)
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ImportFlags) => importRecords(flags, session))
}

function checkFlags({ keysOut, json, resume, changed }: ImportFlags): void {
  if (keysOut === '-' && json)
    throw invalidField('--json', 'needs --keys-out FILE: keys and summary cannot share standard output')
  if (keysOut === '-' && resume)
    throw invalidField('--resume', 'needs --keys-out FILE, the keys file of the earlier run')
  if (changed && !resume) throw invalidField('--changed', 'needs --resume')
}

async function importRecords(flags: ImportFlags, session: Session): Promise<void> {
  checkFlags(flags)
  const path = flags.in ?? '-'
  if (path !== '-' && (await stat(path)).isDirectory()) return importFolder({ ...flags, in: path }, session)
  if (flags.user !== undefined)
    throw invalidField('--user', 'needs a folder as --in: the lines of a file name their users')
  await importLines(flags, session)
}
