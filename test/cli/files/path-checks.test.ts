import { expect } from 'chai'
import { refuseSameFile } from '../../../src/cli/files/path-checks.js'
import { VaultError } from '../../../src/core/errors.js'

describe('an output file', () => {
  it('is refused if another flag names the same file, which need not exist', async () => {
    const output = { flag: '--report', path: './nowhere-yet.keys' }
    const error = await refuseSameFile(output, ['nowhere-yet.keys']).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(VaultError).and.include({ reason: 'INVALID_REQUEST' })
    await refuseSameFile(output, ['another.keys', undefined])
  })
})
