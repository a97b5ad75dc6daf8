// One file, a section per service. Defaults < file < environment < flags. Each service reads its own sections and
// refuses what it does not know, naming every mistake at once, each with where it stands.
import convict from 'convict'
import { didYouMean } from '../did-you-mean.js'
import { VaultError } from '../errors.js'
import {
  type ConfigFile,
  isJsonTree,
  type JsonTree,
  readSections,
  type SectionName,
  sectionNames,
} from './config-file.js'
import type { Setting, Settings } from './settings.js'

export interface ConfigSources {
  file: ConfigFile
  env: NodeJS.ProcessEnv
  /** `section.name=value` as given by flags. */
  overrides: string[]
}

function isSetting(node: Setting | Settings): node is Setting {
  return 'default' in node
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

function pathsOf(settings: Settings, path: string[]): string[] {
  return Object.entries(settings).flatMap(([name, node]) => {
    const here = [...path, name]
    return isSetting(node) ? [here.join('.')] : pathsOf(node, here)
  })
}

function variableOf(settings: Settings, path: string): string {
  return leafAt(settings, path)?.env ?? envName(path.split('.'))
}

function meaning(word: string, known: string[]): string {
  const meant = didYouMean(word, known)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

/** A variable that is meant for these sections and belongs to no setting, such as one that is misspelt. */
function unknownVariables(settings: Settings, env: NodeJS.ProcessEnv): string[] {
  const known = [...pathsOf(settings, []).map((path) => variableOf(settings, path)), ...otherVariables]
  const prefixes = Object.keys(settings).map((section) => `${envName([section])}_`)
  const meant = Object.keys(env).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  return meant.filter((name) => !known.includes(name)).map((name) => `${name}: no such setting${meaning(name, known)}`)
}

function unknownSections(sections: JsonTree): string[] {
  const unknown = Object.keys(sections).filter((name) => !(sectionNames as readonly string[]).includes(name))
  return unknown.map((name) => `unknown section '${name}'; there are ${sectionNames.join(', ')}`)
}

// convict crashes on an object where a value belongs and the other way round, so it gets only what has the right shape.
function shaped(given: JsonTree, settings: Settings, refuse: (path: string, problem: string) => void): JsonTree {
  const kept = Object.entries(given).flatMap(([name, value]): [string, unknown][] => {
    const node = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (node === undefined) refuse(name, `no such setting${meaning(name, Object.keys(settings))}`)
    else if (isSetting(node) && typeof value !== 'object') return [[name, value]]
    else if (isSetting(node)) refuse(name, 'must be one value')
    else if (!isJsonTree(value)) refuse(name, 'must be an object')
    else return [[name, shaped(value, node, (path, problem) => refuse(`${name}.${path}`, problem))]]
    return []
  })
  return Object.fromEntries(kept)
}

/** Reads and checks the sections named by `schema`; throws one INVALID_REQUEST that names all mistakes. */
export function loadConfig<T>(schema: Partial<Record<SectionName, Settings>>, sources: ConfigSources): T {
  const settings = schema as Settings
  const sections = readSections(sources.file)
  const mine = Object.fromEntries(Object.entries(sections).filter(([name]) => Object.hasOwn(settings, name)))
  const inFile = unknownSections(sections)
  const file = shaped(mine, settings, (path, problem) => inFile.push(`${path}: ${problem}`))
  const mistakes = inFile.map((mistake) => `${sources.file.path}: ${mistake}`)
  mistakes.push(...unknownVariables(settings, sources.env))
  const config = convict(withEnv(settings, []) as convict.Schema<T>, { env: sources.env, args: [] })
  config.load(file)
  for (const override of sources.overrides) {
    const { path, value } = parseOverride(override)
    if (value === undefined) mistakes.push(`--set ${path}: must be setting=value, as in --set log.level=debug`)
    else if (leafAt(settings, path) === undefined) mistakes.push(`--set ${path}: ${noSetting(settings, path)}`)
    else config.set(path, value as never)
  }
  const wrong = invalidValues(() => config.validate({ allowed: 'strict' }))
  mistakes.push(...wrong.map((mistake) => withOrigin(mistake, settings, sources)))
  if (mistakes.length > 0) throw settingsError(mistakes)
  return config.getProperties()
}

function settingsError(mistakes: string[]): VaultError {
  const message = ['wrong settings:', ...mistakes].join('\n  ')
  return new VaultError('INVALID_REQUEST', { message, fields: [{ field: 'settings', description: message }] })
}

function parseOverride(override: string): { path: string; value: string | undefined } {
  const [path = '', ...rest] = override.split('=')
  return { path, value: rest.length === 0 ? undefined : rest.join('=') }
}

function noSetting(settings: Settings, path: string): string {
  const [section = ''] = path.split('.')
  if (Object.hasOwn(settings, section)) return `no such setting${meaning(path, pathsOf(settings, []))}`
  return `no such setting here; there are those of ${Object.keys(settings).join(', ')}`
}

function leafAt(settings: Settings, path: string): Setting | undefined {
  let node: Setting | Settings | undefined = settings
  for (const name of path.split('.')) {
    if (node === undefined || isSetting(node) || !Object.hasOwn(node, name)) return undefined
    node = node[name]
  }
  return node !== undefined && isSetting(node) ? node : undefined
}

// convict names all wrong values in one message, a line each: the setting, a colon, what is wrong.
function invalidValues(validate: () => unknown): string[] {
  try {
    validate()
    return []
  } catch (cause) {
    return (cause as Error).message.split('\n')
  }
}

/** The same, under where the value comes from. */
function withOrigin(mistake: string, settings: Settings, { file, env, overrides }: ConfigSources): string {
  const [path = ''] = mistake.split(':', 1)
  const problem = mistake.slice(path.length)
  if (overrides.some((override) => override.startsWith(`${path}=`))) return `--set ${mistake}`
  const variable = variableOf(settings, path)
  return env[variable] === undefined ? `${file.path}: ${mistake}` : `${variable}${problem}`
}
