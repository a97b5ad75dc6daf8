// What the system says of a file, in words that name the file that was named.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { fileError } from '../../../src/cli/files/file-errors.js'

const here = import.meta.filename
const absent = join(tmpdir(), 'enc-server-absent')

function words(code: string, path: string, dest?: string): string {
  const error = Object.assign(new Error('as it was'), { code, path, syscall: 'open', ...(dest && { dest }) })
  return (fileError(error) as Error).message
}

describe('file errors', () => {
  it('name the file, or its folder', () => {
    expect(words('EACCES', here)).to.equal(`you may not read or write ${here}: check its owner and mode`)
    expect(words('EACCES', absent)).to.equal(`you may not use the folder ${tmpdir()}: check its owner and mode`)
    expect(words('ENOENT', absent)).to.equal(`there is no ${absent}: correct the path`)
    expect(words('ENOENT', join(absent, 'x'))).to.equal(`there is no folder ${absent}: make it first`)
  })

  it('name the file that the user gave, not the temporary one', () => {
    expect(words('EISDIR', '/x/film.partial')).to.equal('/x/film is a folder, not a file')
    expect(words('ENOTDIR', '/x/.enc-server-1.tmp', '/x/y')).to.match(/^\/x\/y has a file where a folder should be/)
  })

  it('leave other errors unchanged', () => {
    for (const error of [new Error('x'), Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'connect' }), 'x']) {
      expect(fileError(error)).to.equal(error)
    }
    expect(words('EIO', here)).to.equal('as it was')
  })
})
