// The configuration of a service: defaults, then the file, then the environment, then flags; later ones win. A service reads its
// own sections and rejects unknown settings. One error names all mistakes, each with its origin.
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
import { setVariables } from './environment.js'
import type { Setting, Settings } from './settings.js'

/** The origins of settings. */
export interface ConfigSources {
  file: ConfigFile
  env: NodeJS.ProcessEnv
  /** `section.name=value`, from flags. */
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

// Variables of the clients, whose names begin like those of settings.
const clientVariables = ['ENC_SERVER_FRONTEND_TARGET', 'ENC_SERVER_BACKEND_TARGET']

function pathsOf(settings: Settings, path: string[]): string[] {
  return Object.entries(settings).flatMap(([name, node]) => {
    const here = [...path, name]
    return isSetting(node) ? [here.join('.')] : pathsOf(node, here)
  })
}

function variableOf(settings: Settings, path: string): string {
  return leafAt(settings, path)?.env ?? envName(path.split('.'))
}

function suggestion(word: string, known: string[]): string {
  const meant = didYouMean(word, known)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

/** Mistakes for variables of these sections that belong to no setting, such as misspelt ones. */
function unknownVariables(settings: Settings, env: NodeJS.ProcessEnv): string[] {
  const known = [...pathsOf(settings, []).map((path) => variableOf(settings, path)), ...clientVariables]
  const prefixes = Object.keys(settings).map((section) => `${envName([section])}_`)
  const candidates = Object.keys(env).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  return candidates
    .filter((name) => !known.includes(name))
    .map((name) => `${name}: no such setting${suggestion(name, known)}`)
}

function unknownSections(sections: JsonTree): string[] {
  const unknown = Object.keys(sections).filter((name) => !(sectionNames as readonly string[]).includes(name))
  return unknown.map((name) => `unknown section '${name}'; the sections are ${sectionNames.join(', ')}`)
}

// convict crashes on an object in place of a value and on a value in place of an object, so it gets neither.
function validShape(given: JsonTree, settings: Settings, refuse: (path: string, problem: string) => void): JsonTree {
  const kept = Object.entries(given).flatMap(([name, value]): [string, unknown][] => {
    const node = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (node === undefined) refuse(name, `no such setting${suggestion(name, Object.keys(settings))}`)
    else if (isSetting(node) && typeof value !== 'object') return [[name, value]]
    else if (isSetting(node)) refuse(name, 'must be one value')
    else if (!isJsonTree(value)) refuse(name, 'must be an object')
    else return [[name, validShape(value, node, (path, problem) => refuse(`${name}.${path}`, problem))]]
    return []
  })
  return Object.fromEntries(kept)
}

/** Reads and checks the sections in `schema`. Throws one INVALID_REQUEST that names all mistakes. */
export function loadConfig<T>(schema: Partial<Record<SectionName, Settings>>, given: ConfigSources): T {
  const settings = schema as Settings
  const sources = { ...given, env: setVariables(given.env) }
  const sections = readSections(sources.file)
  const ownSections = Object.fromEntries(Object.entries(sections).filter(([name]) => Object.hasOwn(settings, name)))
  const inFile = unknownSections(sections)
  const file = validShape(ownSections, settings, (path, problem) => inFile.push(`${path}: ${problem}`))
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
  if (Object.hasOwn(settings, section)) return `no such setting${suggestion(path, pathsOf(settings, []))}`
  return `no such setting; the sections here are ${Object.keys(settings).join(', ')}`
}

function leafAt(settings: Settings, path: string): Setting | undefined {
  let node: Setting | Settings | undefined = settings
  for (const name of path.split('.')) {
    if (node === undefined || isSetting(node) || !Object.hasOwn(node, name)) return undefined
    node = node[name]
  }
  return node !== undefined && isSetting(node) ? node : undefined
}

// convict's message has a line for each invalid value: the setting, a colon, the problem.
function invalidValues(validate: () => unknown): string[] {
  try {
    validate()
    return []
  } catch (cause) {
    return (cause as Error).message.split('\n')
  }
}

/** Puts the origin of the value before a mistake. */
function withOrigin(mistake: string, settings: Settings, { file, env, overrides }: ConfigSources): string {
  const [path = ''] = mistake.split(':', 1)
  const problem = mistake.slice(path.length)
  if (overrides.some((override) => override.startsWith(`${path}=`))) return `--set ${mistake}`
  const variable = variableOf(settings, path)
  return env[variable] === undefined ? `${file.path}: ${mistake}` : `${variable}${problem}`
}
