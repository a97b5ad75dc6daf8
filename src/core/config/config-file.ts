// The configuration file: its sections as they stand there. What is no JSON is refused with its place, and with its line
// if that can be no secret.
import { readFileSync } from 'node:fs'
import { VaultError } from '../errors.js'
import { mistakeIn } from './json-mistake.js'

/** The sections a file may have; those of other services are theirs to check. */
export const sectionNames = ['frontend', 'backend', 'log'] as const
export type SectionName = (typeof sectionNames)[number]

export type Tree = Record<string, unknown>

export interface ConfigFile {
  path: string
  /** Whether it is an error that there is none. */
  required: boolean
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the file says; throws INVALID_REQUEST for one that cannot be read or is something else. */
export function readSections({ path, required }: ConfigFile): Tree {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (!required && code === 'ENOENT') return {}
    throw fileError(path, `cannot be read (${code})`)
  }
  const parsed = parse(text, path)
  if (isTree(parsed)) return parsed
  throw fileError(path, `must be an object with the sections ${sectionNames.join(', ')}`)
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not the parser's words: they quote the text.
    throw fileError(path, notJson(text))
  }
}

function fileError(path: string, problem: string): VaultError {
  const message = `configuration file ${path}: ${problem}`
  return new VaultError('INVALID_REQUEST', { message, fields: [{ field: 'configuration file', description: message }] })
}

function notJson(text: string): string {
  const { at, problem } = mistakeIn(text)
  const before = text.slice(0, at).split('\n')
  const [column, line] = [(before.at(-1) as string).length, text.split('\n')[before.length - 1] as string]
  const said = `not JSON: line ${before.length}, column ${column + 1}: ${problem}`
  return isOurs(text) ? `${said}\n${excerpt(line, column)}` : said
}

const section = new RegExp(`"(${sectionNames.join('|')})"\\s*:`)
const secret = /"(keyring_id|key|record_key)"/

/** A secret may have been named by mistake, such as a key or the keyring, or a file of record keys. */
function isOurs(text: string): boolean {
  return section.test(text) && !secret.test(text)
}

const shownBefore = 60
const shownBehind = 20

/** The line about that column, and a mark below it. */
function excerpt(line: string, column: number): string {
  const from = Math.max(0, column - shownBefore)
  const shown = line.slice(from, column + shownBehind).replace(/\s/g, ' ')
  return `  ${shown.trimEnd()}\n  ${'^'.padStart(column - from + 1)}`
}
