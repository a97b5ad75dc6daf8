import { expect } from 'chai'
import fc from 'fast-check'
import { mistakeIn } from '../../src/core/json-mistake.js'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('json mistake', () => {
  const values: [string, number, string][] = [
    ['', 0, 'it is empty'],
    ['  {"a": [1', 10, 'it ends here, cut off'],
    ['{"a": [1,2,]}', 10, 'a comma too many'],
    ['{"a": 1,\n}', 7, 'a comma too many'],
    ['[1,,2]', 2, 'a comma too many'],
    ['[,1]', 1, 'a value must be here; text is in double quotes'],
    ['{"a": 1\n"b": 2}', 8, 'a comma or } is missing before this'],
    ['[1 2]', 3, 'a comma or ] is missing before this'],
    ['[1}', 2, 'a comma or ] is missing before this'],
    ['{"a" 1}', 5, 'a colon is missing before this'],
    ['{a: 1}', 1, 'a name in double quotes must be here'],
    ["{'a': 1}", 1, 'JSON has double quotes only'],
    ['{"a": yes}', 6, 'a value must be here; text is in double quotes'],
    ['{"a": 08}', 6, 'a value must be here; text is in double quotes'],
    ['{"a": truely}', 6, 'a value must be here; text is in double quotes'],
    ['{ // why', 2, 'JSON has no comments'],
    ['# why\n{}', 0, 'JSON has no comments'],
    ['{"a": "b\n"}', 6, 'a text without its end, or with a backslash that means nothing'],
    ['{"a": "C:\\d"}', 6, 'a text without its end, or with a backslash that means nothing'],
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

  it('finds none in what is JSON, up to its end', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(mistakeIn(text).at).to.equal(text.length)
      }),
    )
  })

  it('finds no more in what is cut off than the word that was cut', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, place) => {
        const cut = text.slice(0, place % text.length)
        const { at } = mistakeIn(cut)
        if (at < cut.length) expect(cut.slice(at)).to.match(/^("|[-\w.]+$)/)
      }),
    )
  })
})
