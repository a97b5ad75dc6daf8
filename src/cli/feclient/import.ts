// feclient import: many records over one stream, the lines of a file or the files of a folder, their keys in a file.

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
A line of the input, one JSON object:
  {"user":"alice","name":"note","text":"some text"}
  {"user":"alice","name":"photo","data":"/9j/4AAQ","aad":"Y2FzZSA3","mode":"split"}
  {"user":"alice","name":"code","text":"4711","expire_time":"2027-01-01T00:00:00Z",
   "content_type":"text/plain","labels":{"for":"login"},"keep_versions":3}
  name may be left out (the unnamed record); data and aad are base64. A line has at most 5 MiB.
  Every field, and what to do about each failure: docs/import-and-export.md

A folder: every regular file below it, of any size, is a record of --user, named by its path in the
folder with / between. Symbolic links are not followed; empty folders leave nothing.

A line of the keys file, for each stored record:
  {"user","name","key_id","record_key","version",...}
  It opens the record: keep it safe. It is written as records are stored, so that after an
  interruption, of whatever kind, the same command with --resume stores what is missing.
`

export function addImport(program: Command, session: Session): void {
  const command = program
    .command('import')
    .description('Store the records of an NDJSON file, or the files of a folder. Keeps their record keys in a file.')
    .option('--in <path>', 'the records, one JSON object a line, or a folder (default, and -: standard input)')
    .option('--user <id>', 'with a folder: whose records they become')
    .requiredOption(
      '--keys-out <file>',
      'where the record keys go: a new file, for its owner only; - is standard output',
    )
    .option('--resume', 'go on with the keys file of an import that was interrupted, or had failures')
    .option('--changed', 'with --resume: the input has changed, but not in the lines that are stored')
    .option('--report <file>', 'write each failure to a new file, one JSON object a line; --resume replaces it')
    .addOption(
      new Option(
        '--mode <mode>',
        `who holds the keys of lines that do not say it: ${keyModesHelp} (default: as configured)`,
      ).choices(Object.keys(keyModes)),
    )
  addWriteFlags(command)
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ImportFlags) => importRecords(flags, session))
}

function check({ keysOut, json, resume, changed }: ImportFlags): void {
  if (keysOut === '-' && json) throw invalidField('--json', 'needs a --keys-out of its own: both are standard output')
  if (keysOut === '-' && resume) throw invalidField('--resume', 'needs the keys file of the earlier run')
  if (changed && !resume) throw invalidField('--changed', 'goes with --resume')
}

async function importRecords(flags: ImportFlags, session: Session): Promise<void> {
  check(flags)
  const path = flags.in ?? '-'
  if (path !== '-' && (await stat(path)).isDirectory()) return importFolder({ ...flags, in: path }, session)
  if (flags.user !== undefined) throw invalidField('--user', 'goes with a folder: a line says whose record it is')
  await importLines(flags, session)
}
