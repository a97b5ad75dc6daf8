import { expect } from 'chai'
import { refuseSameFile } from '../../src/cli/tally.js'
import { VaultError } from '../../src/core/errors.js'

describe('where a report goes', () => {
  it('is refused over another file of the command, also while neither is there', async () => {
    const written = { flag: '--report', path: './nowhere-yet.keys' }
    const error = await refuseSameFile(written, ['nowhere-yet.keys']).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(VaultError).and.include({ reason: 'INVALID_REQUEST' })
    await refuseSameFile(written, ['another.keys', undefined])
  })
})
