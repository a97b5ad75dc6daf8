import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { backendSchema } from '../../src/backend/config.js'
import { envName } from '../../src/core/config/config.js'
import type { Setting, Settings } from '../../src/core/config/settings.js'
import { frontendSchema } from '../../src/frontend/config.js'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

function rangeOf({ format, choices, min, max }: Setting): string {
  if (choices) return choices.map((choice) => `\`${choice}\``).join(', ')
  if (min !== undefined) return `${min} to ${max}`
  return format === 'flag' ? '`true`, `false`' : 'text'
}

function rowsOf(settings: Settings, path: string[]): string[] {
  return Object.entries(settings).flatMap(([name, node]) => {
    const here = [...path, name]
    if (!('default' in node)) return rowsOf(node, here)
    const setting = node as Setting
    const initial = setting.default === '' ? '' : `\`${setting.default}\``
    return `| \`${here.join('.')}\` | \`${setting.env ?? envName(here)}\` | ${initial} | ${rangeOf(setting)} | ${setting.doc} |`
  })
}

describe('docs/configuration.md', () => {
  const expected = rowsOf({ ...frontendSchema, ...backendSchema }, [])
  const documented = page.split('\n').filter((line) => /^\| `(frontend|backend|log)\./.test(line))

  it('describes every setting as the code has it, and no other', () => {
    expect(documented).to.deep.equal(expected)
  })
})
