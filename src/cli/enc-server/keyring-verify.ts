// enc-server keyring verify: compares a keyring with its checksum and with the store that was written with it, and names the key
// that is wrong.
import type { Command } from 'commander'
import type { ConfigSources } from '../../core/config/config.js'
import { invalidField } from '../../core/errors.js'
import { type Session, withExamples } from '../program/program.js'
import { addServerFlags, configSources, type ServerFlags } from '../program/server-flags.js'
import { type Finding, printFindings } from './findings.js'

/** The store to compare with: of a running back end, in a data folder, or none. */
export interface KeyringComparison {
  store: 'backend' | 'dataDir' | undefined
  /** True to give the file new checksums, unless a key is not the store's. */
  writeChecksums: boolean
}

/** Compares the configured keyring; a check that fails to run is a finding, too. */
export type VerifyKeyring = (sources: ConfigSources, comparison: KeyringComparison) => AsyncIterable<Finding>

interface VerifyFlags extends ServerFlags {
  keyring?: string
  backend?: string | true
  dataDir?: string | true
  writeChecksum?: true
  json?: true
}

const examples = [
  'enc-server keyring verify --keyring backup/keyring.json',
  'enc-server keyring verify --backend 127.0.0.1:8888',
  'enc-server keyring verify --data-dir data/backend --json',
  'enc-server keyring verify --keyring keyring.json --write-checksum',
]

const about = `
Without --backend and --data-dir, only the checksum of the file is verified. It finds accidents, such as a changed character;
the store knows whether the keys are those that it was written with. An address, folder or file that is not given comes from
the configuration. --write-checksum is for a file that was edited on purpose, or is of a version without checksums.`

/** Adds `enc-server keyring verify`. */
export function addKeyringVerify(keyring: Command, verify: VerifyKeyring, session: Session): void {
  const command = keyring
    .command('verify')
    .description('Verify a keyring, and name the key that is wrong. Only --write-checksum changes the file.')
    .option('--keyring <file>', 'the keyring; the default is frontend.keyringFile')
    .option('--backend [address]', 'compare the keys with the store of a running back end')
    .option('--data-dir [folder]', 'compare the keys with the LevelDB store of a stopped back end')
    .option('--write-checksum', 'write new checksums into the file')
    .option('--json', 'print one JSON object per line')
  addServerFlags(command).addHelpText('after', about)
  withExamples(command, examples).action((flags: VerifyFlags) =>
    printFindings(verify(sourcesOf(flags, session), comparisonOf(flags)), {
      json: flags.json === true,
      terminal: session.terminal,
      failure: 'the keyring has errors, see above',
    }),
  )
}

function comparisonOf({ backend, dataDir, writeChecksum }: VerifyFlags): KeyringComparison {
  if (backend !== undefined && dataDir !== undefined) {
    throw invalidField('--data-dir', 'cannot be combined with --backend: a store has one back end or none')
  }
  const store = backend === undefined ? dataDir && 'dataDir' : 'backend'
  return { store: store || undefined, writeChecksums: writeChecksum === true }
}

function sourcesOf(flags: VerifyFlags, { terminal }: Session): ConfigSources {
  const { overrides, ...sources } = configSources(flags, terminal.env)
  const given: [string, string | true | undefined][] = [
    ['frontend.keyringFile', flags.keyring],
    ['frontend.backend.address', flags.backend],
    ['backend.dataDir', flags.dataDir],
  ]
  const own = given.flatMap(([setting, value]) => (typeof value === 'string' ? [`${setting}=${value}`] : []))
  return { ...sources, overrides: [...overrides, ...own] }
}
