// The configuration file: reads its sections. No message quotes its contents, which may be secrets.
import { readFileSync } from 'node:fs'
import { VaultError } from '../errors.js'

/** The sections that a file may have. Each service checks only its own. */
export const sectionNames = ['frontend', 'backend', 'log'] as const
/** The name of a section. */
export type SectionName = (typeof sectionNames)[number]

/** A JSON object. */
export type JsonTree = Record<string, unknown>

/** A configuration file. */
export interface ConfigFile {
  path: string
  /** True if the file must exist. */
  required: boolean
}

/** True for a JSON object; false for an array and null. */
export function isJsonTree(value: unknown): value is JsonTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads the file; throws INVALID_REQUEST if it cannot be read or is not a JSON object. */
export function readSections({ path, required }: ConfigFile): JsonTree {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (!required && code === 'ENOENT') return {}
    throw fileError(path, `cannot be read (${code})`)
  }
  const parsed = parse(text, path)
  if (isJsonTree(parsed)) return parsed
  throw fileError(path, `must be an object with the sections ${sectionNames.join(', ')}`)
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw fileError(path, `not valid JSON${mistakeIn(text, error as Error)}`)
  }
}

// V8's message ends with the position, or quotes the text and has none. It is not shown, as the text may be a secret.
function mistakeIn(text: string, { message }: Error): string {
  if (text.startsWith('\u{feff}')) return ': begins with a byte order mark'
  if (message === 'Unexpected end of JSON input') return ': ends too early'
  const [, position] = /JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message) ?? []
  if (position === undefined) return ''
  const before = text.slice(0, Number(position)).split('\n')
  return `: line ${before.length}, column ${(before.at(-1) as string).length + 1}`
}

function fileError(path: string, problem: string): VaultError {
  const message = `configuration file ${path}: ${problem}`
  return new VaultError('INVALID_REQUEST', { message, fields: [{ field: 'configuration file', description: message }] })
}
