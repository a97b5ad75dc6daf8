// Where a text is no JSON, and why, for people. JSON.parse does not always say the place, and its words quote the text.
import { createRequire } from 'node:module'
import type { ParseError } from 'jsonc-parser'

// What it has as ES modules is for bundlers.
const jsonc: typeof import('jsonc-parser') = createRequire(import.meta.url)('jsonc-parser')

export interface Mistake {
  /** The index of what is wrong. */
  at: number
  problem: string
}

const cutOff = 'it ends here, cut off'
const noComments = 'JSON has no comments'
const badBackslash = 'a backslash that means nothing: one that is meant is written twice'

// By what jsonc-parser calls them.
const problems: Record<string, string> = {
  InvalidSymbol: 'this is no value and no name: text and names are in double quotes',
  InvalidNumberFormat: 'this is not a number',
  UnexpectedEndOfNumber: 'this is not a number',
  PropertyNameExpected: 'a name in double quotes must be here',
  ValueExpected: 'a value must be here',
  ColonExpected: 'a colon is missing before this',
  CommaExpected: 'a comma, or what closes the bracket, is missing before this',
  CloseBraceExpected: cutOff,
  CloseBracketExpected: cutOff,
  EndOfFileExpected: 'there is more behind the end',
  InvalidCommentToken: noComments,
  UnexpectedEndOfComment: noComments,
  UnexpectedEndOfString: 'a text without its end',
  InvalidUnicode: badBackslash,
  InvalidEscapeCharacter: badBackslash,
  InvalidCharacter: 'a control character inside a text',
}

/** Of a text that JSON.parse has refused. */
export function mistakeIn(json: string): Mistake {
  if (json.trim() === '') return { at: json.length, problem: 'it is empty' }
  if (json.startsWith('\u{feff}')) return { at: 0, problem: 'JSON begins without a byte order mark' }
  const first = firstOf(json)
  if (first === undefined) return { at: 0, problem: 'something in it is no JSON' }
  const { error, offset } = first
  const problem = problems[jsonc.printParseErrorCode(error)] as string
  const before = json.slice(0, offset).trimEnd()
  const isSpareComma = problem.endsWith('must be here') && before.endsWith(',')
  return isSpareComma ? { at: before.length - 1, problem: 'a comma too many' } : { at: offset, problem }
}

/** Undefined for a text that is too deep. */
function firstOf(json: string): ParseError | undefined {
  const mistakes: ParseError[] = []
  try {
    jsonc.parse(json, mistakes, { disallowComments: true, allowTrailingComma: false })
  } catch {
    return undefined
  }
  return mistakes[0]
}
