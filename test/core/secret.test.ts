import { format, inspect } from 'node:util'
import { expect } from 'chai'
import { Secret } from '../../src/core/secret.js'

const key = Buffer.from('a very secret key')
const forms = [
  key.toString(),
  key.toString('hex'),
  key.toString('base64'),
  JSON.stringify([...key]).slice(1, -1),
  '61 20 76',
]

describe('Secret', () => {
  const secret = new Secret(Buffer.from(key))

  const printings: Record<string, () => string> = {
    template: () => `${secret}`,
    concatenation: () => `${'x'.slice(1)}${String(secret)}`,
    JSON: () => JSON.stringify({ secret, list: [secret] }),
    'the inspector': () => inspect({ deep: { secret } }, { depth: 9, showHidden: true, getters: true }),
    'the inspector without custom printing': () => inspect(secret, { customInspect: false, showHidden: true }),
    '%s %o %O %j': () => format('%s %o %O %j', secret, secret, secret, secret),
    'an error message': () => new Error(`cannot use ${secret}`).message,
    'its keys': () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String)]),
    'a copy': () => inspect(structuredClone(secret)) + JSON.stringify({ ...secret }),
  }
  for (const [what, print] of Object.entries(printings)) {
    it(`is not shown by ${what}`, () => {
      for (const form of forms) expect(print()).to.not.include(form)
    })
  }

  it('prints as [secret]', () => {
    expect([`${secret}`, inspect(secret), JSON.stringify(secret)]).to.eql(['[secret]', '[secret]', '"[secret]"'])
  })

  it('reveals its own bytes, not a copy', () => {
    const bytes = Buffer.from(key)
    expect(new Secret(bytes).reveal()).to.equal(bytes)
  })

  it('wipes its bytes when closed, and throws afterwards', () => {
    const bytes = Buffer.from(key)
    const closed = new Secret(bytes)
    closed.close()
    closed.close()
    expect(bytes).to.eql(Buffer.alloc(key.length))
    expect(() => closed.reveal()).to.throw('the secret is closed')
  })
})
