// Where a text is no JSON, and why, for people. JSON.parse does not always say the place, and its words quote the text.

interface Mistake {
  /** The index of what is wrong. */
  at: number
  problem: string
}

/** What may come next; what is first may be missing. */
type Next = 'name' | 'first name' | 'colon' | 'value' | 'first value' | 'separator' | 'end'

const blank = /[ \t\r\n]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: a text may have none
const text = /"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[\da-fA-F]{4})*"/
const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/
const token = new RegExp(`[{}[\\],:]|${text.source}|${word.source}|`, 'y')
const closing: Record<string, string> = { '{': '}', '[': ']' }

/** Of a text that JSON.parse has refused. */
export function mistakeIn(json: string): Mistake {
  const open: string[] = []
  let [at, before, next] = [matched(blank, json, 0).length, 0, 'value' as Next]
  while (at < json.length) {
    const found = matched(token, json, at)
    const then = found === '' ? undefined : step(found, next, open)
    if (then === undefined && isSpareComma(json, { at, before })) return { at: before, problem: 'a comma too many' }
    if (then === undefined) return { at, problem: problemOf(json.slice(at), next, open) }
    before = at
    next = then
    at += found.length
    at += matched(blank, json, at).length
  }
  return { at, problem: at === 0 ? 'it is empty' : 'it ends here, cut off' }
}

function matched(pattern: RegExp, json: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(json)?.[0] ?? ''
}

function closed(open: string[]): string {
  return closing[open.at(-1) ?? ''] ?? ''
}

/** What comes after a token; undefined when it does not fit here. */
function step(found: string, next: Next, open: string[]): Next | undefined {
  if (found === closed(open) && (next === 'separator' || next.startsWith('first'))) {
    open.pop()
    return behindValue(open)
  }
  if (next.endsWith('name')) return found.startsWith('"') ? 'colon' : undefined
  if (next === 'colon') return found === ':' ? 'value' : undefined
  if (next === 'separator' && found === ',') return open.at(-1) === '{' ? 'name' : 'value'
  return next.endsWith('value') ? beginValue(found, open) : undefined
}

function beginValue(found: string, open: string[]): Next | undefined {
  if (closing[found] === undefined) return /^[\]},:]/.test(found) ? undefined : behindValue(open)
  open.push(found)
  return found === '{' ? 'first name' : 'first value'
}

function behindValue(open: string[]): Next {
  return open.length === 0 ? 'end' : 'separator'
}

function isSpareComma(json: string, { at, before }: { at: number; before: number }): boolean {
  return json[before] === ',' && /[\]},]/.test(json[at] as string)
}

function problemOf(rest: string, next: Next, open: string[]): string {
  if (rest.startsWith('\u{feff}')) return 'JSON begins without a byte order mark'
  if (/^(\/[/*]|#)/.test(rest)) return 'JSON has no comments'
  if (rest.startsWith("'")) return 'JSON has double quotes only'
  if (next === 'end') return 'there is more behind the end'
  if (next === 'separator') return `a comma or ${closed(open)} is missing before this`
  if (next === 'colon') return 'a colon is missing before this'
  if (rest.startsWith('"')) return 'a text without its end, or with a backslash that means nothing'
  return next.endsWith('name')
    ? 'a name in double quotes must be here'
    : 'a value must be here; text is in double quotes'
}
