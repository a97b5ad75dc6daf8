// Finds secrets in what a program leaves behind, in every form in which a careless line would write them.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Needle {
  name: string
  bytes: Buffer
}

export interface Haystack {
  name: string
  bytes: Buffer
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((five) => alphabet[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}

/** What base64 makes of the bytes inside a longer text, whatever stands before and after. */
function inner(bytes: Buffer, encoding: 'base64' | 'base64url'): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString(encoding)
      .replaceAll('=', '')
    return text.slice(before === 0 ? 0 : before + 1, -1)
  })
}

/** Every spelling of the bytes. */
export function spellings(bytes: Buffer): (Buffer | string)[] {
  const hex = bytes.toString('hex')
  const base = base32(bytes).slice(0, -1)
  const decimal = [...bytes].join(',')
  const spaced = hex.match(/../g)!.join(' ')
  const escaped = JSON.stringify(bytes.toString('latin1')).slice(1, -1)
  const texts = [hex, hex.toUpperCase(), base, base.toLowerCase(), decimal, spaced, escaped]
  return [bytes, ...texts, ...inner(bytes, 'base64'), ...inner(bytes, 'base64url')]
}

/** Each needle that is in a haystack, by name. */
export function leaks(needles: Needle[], haystacks: Haystack[]): string[] {
  const found = new Set<string>()
  for (const needle of needles) {
    for (const spelling of new Set(spellings(needle.bytes))) {
      for (const { name, bytes } of haystacks) {
        if (bytes.includes(spelling)) found.add(`${needle.name} in ${name}`)
      }
    }
  }
  return [...found]
}

/** All files below a folder. */
export async function filesBelow(folder: string): Promise<Haystack[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return Promise.all(files.map(async (name) => ({ name, bytes: await readFile(name) })))
}
