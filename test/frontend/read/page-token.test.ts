import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { VaultError } from '../../../src/core/errors.js'
import { decodePageToken, encodePageToken } from '../../../src/frontend/read/page-token.js'

function refusalOf(token: string): VaultError {
  try {
    decodePageToken(token)
  } catch (error) {
    if (error instanceof VaultError) return error
    throw error
  }
  return expect.fail(`took ${token}`)
}

describe('a page token', () => {
  it('is 01, the record pseudonym and the user kid in base64url, and comes back', () => {
    const recordPseudonym = randomBytes(36)
    const token = encodePageToken({ recordPseudonym, userKid: 0xfffffffe })
    const bytes = Buffer.concat([Buffer.of(1), recordPseudonym, Buffer.from('fffffffe', 'hex')])
    expect(token).to.equal(bytes.toString('base64url'))
    expect(decodePageToken(token)).to.deep.equal({ recordPseudonym, userKid: 0xfffffffe })
  })

  it('has one spelling', () => {
    const token = Buffer.concat([Buffer.of(1), Buffer.alloc(40, 0xff)]).toString('base64url')
    expect(() => decodePageToken(token)).not.to.throw()
    const spellings = [
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      token.replaceAll('_', '/'),
      `${token.slice(0, -1)}9`,
      token.slice(0, -1),
      `${token}A`,
      'x',
    ]
    for (const spelling of spellings) {
      const { reason, fields } = refusalOf(spelling)
      expect(reason).to.equal('INVALID_REQUEST')
      expect(fields).to.deep.equal([{ field: 'page_token', description: 'is not the next_page_token of a page' }])
    }
  })

  it('of another version is refused', () => {
    for (const version of [0, 2, 255]) {
      refusalOf(Buffer.concat([Buffer.of(version), Buffer.alloc(40)]).toString('base64url'))
    }
  })

  it('as any text is refused unless encode can make it', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ minLength: 39, maxLength: 43 })),
        (given) => {
          const text = typeof given === 'string' ? given : Buffer.from(given).toString('base64url')
          try {
            expect(encodePageToken(decodePageToken(text))).to.equal(text)
          } catch (error) {
            expect(error).to.be.instanceOf(VaultError)
          }
        },
      ),
    )
  })
})
