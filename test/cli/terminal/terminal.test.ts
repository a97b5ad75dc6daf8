import { expect } from 'chai'
import { isPrintableText, printable } from '../../../src/cli/terminal/terminal.js'

describe('terminal', () => {
  it('shows what could steer a terminal as an escape', () => {
    expect(printable('pass\u001b[31mport\n\u202egnp.exe\ud800')).to.equal(
      'pass\\u{1b}[31mport\\u{a}\\u{202e}gnp.exe\\u{d800}',
    )
  })

  it('leaves text of any language as it is', () => {
    for (const text of ['résumé', '履歴書', 'σημείωση', '📎 note']) expect(printable(text)).to.equal(text)
  })

  it('knows text from binary data', () => {
    expect(isPrintableText(Buffer.from('two\r\n\tlines\n'))).to.equal(true)
    expect(isPrintableText(Buffer.alloc(0))).to.equal(true)
    for (const hex of ['00', '1b5b324a', 'ff', 'c3', '61e280ae']) {
      expect(isPrintableText(Buffer.from(hex, 'hex')), hex).to.equal(false)
    }
  })
})
