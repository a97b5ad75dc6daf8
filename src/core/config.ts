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
    return [name, isSetting(node) ? { ...node, env: envName(here) } : withEnv(node, here)]
  })
  return Object.fromEntries(entries)
}

function readSections({ path, required }: ConfigSources['file']): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw configError([`cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`], path)
  }
  return parseSections(text, path)
}

function parseSections(text: string, path: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw configError([`not JSON: ${(cause as Error).message}`], path)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>
  throw configError([`must be an object with the sections ${sectionNames.join(', ')}`], path)
}

function configError(mistakes: string[], path: string): VaultError {
  const message = [`configuration ${path}:`, ...mistakes].join('\n  ')
  return new VaultError('INVALID_REQUEST', { message })
}

function unknownSections(sections: Record<string, unknown>): string[] {
  const unknown = Object.keys(sections).filter((name) => !(sectionNames as readonly string[]).includes(name))
  return unknown.map((name) => `unknown section '${name}'; there are ${sectionNames.join(', ')}`)
}

/** Reads and checks the sections named by `schema`; throws one INVALID_REQUEST that names all mistakes. */
export function loadConfig<T>(schema: Partial<Record<SectionName, Settings>>, sources: ConfigSources): T {
  const sections = readSections(sources.file)
  const mine = Object.fromEntries(Object.entries(sections).filter(([name]) => name in schema))
  const mistakes = unknownSections(sections)
  const config = convict(withEnv(schema as Settings, []) as convict.Schema<T>, { env: sources.env, args: [] })
  try {
    config.load(mine)
    mistakes.push(...applyOverrides(config as unknown as Overridable, sources.overrides))
    config.validate({ allowed: 'strict' })
  } catch (cause) {
    mistakes.push(...(cause as Error).message.split('\n'))
  }
  if (mistakes.length > 0) throw configError(mistakes, sources.file.path)
  return config.getProperties()
}

interface Overridable {
  has(path: string): boolean
  set(path: string, value: string): void
}

function applyOverrides(config: Overridable, overrides: string[]): string[] {
  return overrides.flatMap((override) => {
    const [path = '', ...rest] = override.split('=')
    if (rest.length === 0 || !config.has(path)) return [`--set ${path}: no such setting`]
    config.set(path, rest.join('='))
    return []
  })
}
