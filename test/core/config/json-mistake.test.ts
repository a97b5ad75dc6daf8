import { expect } from 'chai'
import fc from 'fast-check'
import { mistakeIn } from '../../../src/core/config/json-mistake.js'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('json mistake', () => {
  const spare = 'a comma too many'
  const symbol = 'this is no value and no name: text and names are in double quotes'
  const missing = 'a comma, or what closes the bracket, is missing before this'
  const backslash = 'a backslash that means nothing: one that is meant is written twice'
  const values: [string, number, string][] = [
    ['', 0, 'it is empty'],
    [' \n', 2, 'it is empty'],
    ['  {"a": [1', 10, 'it ends here, cut off'],
    ['{"a": [1,2,]}', 10, spare],
    ['{"a": 1,\n}', 7, spare],
    ['[1,,2]', 2, spare],
    ['[,1]', 1, 'a value must be here'],
    ['{"a": 1\n"b": 2}', 8, missing],
    ['[1 2]', 3, missing],
    ['[1}', 2, missing],
    ['{"a" 1}', 5, 'a colon is missing before this'],
    ['{a: 1}', 1, symbol],
    ["{'a': 1}", 1, symbol],
    ['{"a": yes}', 6, symbol],
    ['{"a": 08}', 7, missing],
    ['{ // why', 2, 'JSON has no comments'],
    ['{"a": 1} /* why */', 9, 'JSON has no comments'],
    ['# why\n{}', 0, symbol],
    ['{"a": "b\n"}', 6, 'a text without its end'],
    ['{"a": "C:\\d"}', 6, backslash],
    ['{"a": "\t"}', 6, 'a control character inside a text'],
    ['\u{feff}{}', 0, 'JSON begins without a byte order mark'],
    ['{} {}', 3, 'there is more behind the end'],
    ['{}}', 2, 'there is more behind the end'],
  ]
  for (const [text, at, problem] of values) {
    it(`finds that of ${JSON.stringify(text)}`, () => {
      expect(isJson(text)).to.equal(false)
      expect(mistakeIn(text)).to.deep.equal({ at, problem })
    })
  }

  it('gives up on what is too deep, and on nothing that is long', () => {
    expect(mistakeIn('['.repeat(1_000_000)).problem).to.equal('something in it is no JSON')
    expect(mistakeIn(`{"a": "${'x'.repeat(8 << 20)}" 1}`)).to.include({ at: (8 << 20) + 9 })
  })

  it('finds one in whatever is no JSON', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '1', '0', '-', '.', 'e', 'true', '\\', '\n', '//', "'"),
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('')
        if (!isJson(text)) expect(mistakeIn(text).problem, text).not.to.equal('something in it is no JSON')
      }),
      { numRuns: 5_000 },
    )
  })
})
