// One file, a section per service. Defaults < file < environment < flags. Each service reads its own sections and
// refuses what it does not know, naming every mistake at once.
import { readFileSync } from 'node:fs'
import convict from 'convict'
import { VaultError } from './errors.js'
import type { Setting, Settings } from './settings.js'

/** The sections a file may have; those of other services are theirs to check. */
export const sectionNames = ['frontend', 'backend', 'log'] as const
export type SectionName = (typeof sectionNames)[number]

export interface ConfigSources {
  /** The file; absent is no error unless `required`. */
  file: { path: string; required: boolean }
  env: NodeJS.ProcessEnv
  /** `section.name=value` as given by flags. */
  overrides: string[]
}

type Tree = Record<string, unknown>

function isSetting(node: Setting | Settings): node is Setting {
  return 'default' in node
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The environment variable of a setting: `backend.tls.certFile` is ENC_SERVER_BACKEND_TLS_CERT_FILE. */
export function envName(path: string[]): string {
  return ['enc', 'server', ...path].map((word) => word.replace(/([A-Z])/g, '_$1').toUpperCase()).join('_')
}

function withEnv(settings: Settings, path: string[]): object {
  const entries = Object.entries(settings).map(([name, node]) => {
    const here = [...path, name]
    return [name, isSetting(node) ? { env: envName(here), ...node } : withEnv(node, here)]
  })
  return Object.fromEntries(entries)
}

// Names that begin like a setting's and are none: the clients' own.
const otherVariables = ['ENC_SERVER_FRONTEND_TARGET', 'ENC_SERVER_BACKEND_TARGET']

function leavesOf(settings: Settings, path: string[]): string[] {
  return Object.entries(settings).flatMap(([name, node]) => {
    const here = [...path, name]
    return isSetting(node) ? [node.env ?? envName(here)] : leavesOf(node, here)
  })
}

/** A variable that is meant for these sections and belongs to no setting, such as one that is misspelt. */
function unknownVariables(settings: Settings, env: NodeJS.ProcessEnv): string[] {
  const known = [...leavesOf(settings, []), ...otherVariables]
  const prefixes = Object.keys(settings).map((section) => `${envName([section])}_`)
  const meant = Object.keys(env).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  return meant.filter((name) => !known.includes(name)).map((name) => `${name}: no such setting`)
}

function readSections({ path, required }: ConfigSources['file']): Tree {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw configError([`cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`], path)
  }
  return parseSections(text, path)
}

function parseSections(text: string, path: string): Tree {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    // The parser's words quote the text, which may be a secret file that was named by mistake.
    const [, position] = /position (\d+)/.exec((cause as Error).message) ?? []
    throw configError([position === undefined ? 'not JSON, or cut off' : `not JSON, from character ${position}`], path)
  }
  if (isTree(parsed)) return parsed
  throw configError([`must be an object with the sections ${sectionNames.join(', ')}`], path)
}

/** `field` is what a hint would be about. */
function configError(mistakes: string[], path: string, field = 'configuration file'): VaultError {
  const message = [`configuration ${path}:`, ...mistakes].join('\n  ')
  return new VaultError('INVALID_REQUEST', { message, fields: [{ field, description: message }] })
}

function unknownSections(sections: Tree): string[] {
  const unknown = Object.keys(sections).filter((name) => !(sectionNames as readonly string[]).includes(name))
  return unknown.map((name) => `unknown section '${name}'; there are ${sectionNames.join(', ')}`)
}

// convict crashes on an object where a value belongs and the other way round, so it gets only what has the right shape.
function shaped(given: Tree, settings: Settings, refuse: (path: string, problem: string) => void): Tree {
  const kept = Object.entries(given).flatMap(([name, value]): [string, unknown][] => {
    const node = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (node === undefined) refuse(name, 'no such setting')
    else if (isSetting(node) && typeof value !== 'object') return [[name, value]]
    else if (isSetting(node)) refuse(name, 'must be one value')
    else if (!isTree(value)) refuse(name, 'must be an object')
    else return [[name, shaped(value, node, (path, problem) => refuse(`${name}.${path}`, problem))]]
    return []
  })
  return Object.fromEntries(kept)
}

/** Reads and checks the sections named by `schema`; throws one INVALID_REQUEST that names all mistakes. */
export function loadConfig<T>(schema: Partial<Record<SectionName, Settings>>, sources: ConfigSources): T {
  const settings = schema as Settings
  const sections = readSections(sources.file)
  const mistakes = [...unknownSections(sections), ...unknownVariables(settings, sources.env)]
  const mine = Object.fromEntries(Object.entries(sections).filter(([name]) => Object.hasOwn(settings, name)))
  const file = shaped(mine, settings, (path, problem) => mistakes.push(`${path}: ${problem}`))
  const config = convict(withEnv(settings, []) as convict.Schema<T>, { env: sources.env, args: [] })
  config.load(file)
  for (const override of sources.overrides) {
    const { path, value } = parseOverride(override)
    if (value === undefined) mistakes.push(`--set ${path}: must be setting=value, as in --set log.level=debug`)
    else if (!isLeaf(settings, path)) mistakes.push(`--set ${path}: ${noSetting(settings, path)}`)
    else config.set(path, value as never)
  }
  mistakes.push(...invalidValues(() => config.validate({ allowed: 'strict' })))
  if (mistakes.length > 0) throw configError(mistakes, sources.file.path, 'settings')
  return config.getProperties()
}

function parseOverride(override: string): { path: string; value: string | undefined } {
  const [path = '', ...rest] = override.split('=')
  return { path, value: rest.length === 0 ? undefined : rest.join('=') }
}

function noSetting(settings: Settings, path: string): string {
  const [section = ''] = path.split('.')
  if (Object.hasOwn(settings, section)) return 'no such setting'
  return `no such setting here; there are those of ${Object.keys(settings).join(', ')}`
}

function isLeaf(settings: Settings, path: string): boolean {
  let node: Setting | Settings | undefined = settings
  for (const name of path.split('.')) {
    if (node === undefined || isSetting(node) || !Object.hasOwn(node, name)) return false
    node = node[name]
  }
  return node !== undefined && isSetting(node)
}

// convict names all wrong values in one message, a line each.
function invalidValues(validate: () => unknown): string[] {
  try {
    validate()
    return []
  } catch (cause) {
    return (cause as Error).message.split('\n')
  }
}
