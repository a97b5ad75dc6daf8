import { constants } from 'node:fs'
import { expect } from 'chai'
import { checkFolder, type Disk } from '../../src/doctor/folder.js'

describe('checkFolder', () => {
  const denied = (code: string) => Object.assign(new Error(code), { code })
  const disk = (free: number, refuse = async (_path: string, _mode: number) => {}): Disk => ({
    access: refuse,
    statfs: async () => ({ bavail: free / 4096, bsize: 4096, blocks: 1e9 }),
  })
  const refusing = (code: string) =>
    disk(1e12, async (_, mode) => {
      if (mode !== constants.F_OK) throw denied(code)
    })
  const findingOf = (faked: Disk) =>
    checkFolder('/srv/store', faked).then(
      ({ state, found }) => `${state} ${found}`,
      (error: Error) => `error ${error.message}`,
    )

  it('reports low and missing space', async () => {
    const free = (bytes: string) => `${bytes} MB are free on the disk of /srv/store`
    expect(await findingOf(disk(1e12))).to.equal('ok ')
    expect(await findingOf(disk(8192e4))).to.equal(`warning ${free('81.9')}: make room before it is full`)
    const full = `error ${free('0.0')}, which is full: make room, or writes fail with STORE_FULL`
    expect(await findingOf(disk(0))).to.equal(full)
    expect(await findingOf({ ...disk(0), statfs: async () => ({ bavail: 0, bsize: 4096, blocks: 0 }) })).to.equal('ok ')
  })

  it('reports that the folder is not writable, and tells what to do', async () => {
    expect(await findingOf(refusing('EACCES'))).to.equal(
      'error this user cannot write to /srv/store (EACCES): run this as the user of the back end; ' +
        'if this is that user, give it a folder of its own there',
    )
    expect(await findingOf(refusing('EROFS'))).to.match(/^error the disk of \/srv\/store is read-only: /)
  })

  it('checks the closest parent of a missing folder', async () => {
    const paths: string[] = []
    const absent = async (path: string, mode: number) => {
      paths.push(path)
      if (path !== '/' && mode === constants.F_OK) throw denied('ENOENT')
    }
    expect(await findingOf(disk(1e12, absent))).to.equal('ok ')
    expect(paths).to.deep.equal(['/srv/store', '/srv', '/', '/'])
  })
})
