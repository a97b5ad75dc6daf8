// feclient: the client of the front end, for people and scripts. Without a subcommand it runs the trial.
import { addImportLegacy, legacyHints } from '../legacy/import-legacy.js'
import { frontendHints } from '../program/hints.js'
import { rootCommand, runProgram, type Session, withExamples } from '../program/program.js'
import type { Terminal } from '../terminal/terminal.js'
import { addDelete } from './delete.js'
import { addDownload } from './download.js'
import { addExport } from './export.js'
import { addGet } from './get.js'
import { addImport } from './import.js'
import { addList } from './list.js'
import { addRestore } from './restore.js'
import { addStore } from './store.js'
import { addTrial } from './trial.js'
import { addUpload } from './upload.js'
import { addVersions } from './versions.js'

const examples = [
  'feclient                                              the trial: does the vault work?',
  'feclient store --user alice --name passport --in passport.pdf --key-out passport.key',
  'feclient get   --user alice --name passport --key-file passport.key --out passport.pdf',
  'feclient list  --user alice',
  'feclient upload --user alice --name film --in film.mp4 --key-out film.key',
  'feclient download --user alice --name film --key-file film.key --out film.mp4',
  'feclient versions --user alice --name passport',
  'feclient import --in records.ndjson --keys-out keys.ndjson',
  'feclient export --keys keys.ndjson --out records.ndjson',
  'source <(feclient completion bash)                    completion in this shell',
]

function build(session: Session) {
  const program = withExamples(rootCommand('feclient'), examples).description(
    'Stores, retrieves, deletes, lists, imports and exports encrypted records through a front end.',
  )
  addStore(program, session)
  addGet(program, session)
  addUpload(program, session)
  addDownload(program, session)
  addDelete(program, session)
  addList(program, session)
  addVersions(program, session)
  addRestore(program, session)
  addImport(program, session)
  addImportLegacy(program, session)
  addExport(program, session)
  addTrial(program, session)
  return program
}

/** Runs feclient and returns its exit code. */
export function feclient(terminal: Terminal): Promise<number> {
  const hints = { ...frontendHints, fields: { ...frontendHints.fields, ...legacyHints } }
  return runProgram({ build, hints }, terminal)
}
