import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkCertificates } from '../../src/doctor/certificates.js'
import { makeCertificateFor } from '../core/certificates.js'
import { releaseAll, tempDir } from '../core/fake-frontend.js'

const dayMs = 86_400_000
const setting = 'frontend.tls.certFile'

describe('the check of certificates', () => {
  afterEach(releaseAll)

  const fileFor = (...days: [number, number]) => makeCertificateFor(tempDir(), 'server', { days }).certFile
  const dayIn = (days: number) => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10)

  it('accepts files that last, and says which day is the first to end', async () => {
    const files = [fileFor(-1, 100), fileFor(-1, 50)].map((file) => ({ setting, file }))
    expect(await checkCertificates(files, Date.now())).to.deep.equal({
      state: 'ok',
      found: `the first of 2 files ends on ${dayIn(50)}`,
    })
  })

  it('warns of the last 14 days', async () => {
    const file = fileFor(-1, 20)
    const check = (days: number) => checkCertificates([{ setting, file }], Date.now() + days * dayMs)
    expect((await check(5.9)).state).to.equal('ok')
    expect(await check(6.1)).to.deep.equal({
      state: 'warning',
      found: `${setting} (${file}) ends on ${dayIn(20)}, in 13 days: renew it`,
    })
    expect((await check(18.5)).found).to.match(/, in 1 day: renew it$/)
  })

  it('names what is past its end, or not valid yet', async () => {
    const [past, future] = [fileFor(-3, -1), fileFor(2, 90)]
    const failure = await checkCertificates(
      [
        { setting, file: past },
        { setting: '--tls-ca', file: future },
      ],
      Date.now(),
    ).catch((error: Error) => error.message)
    expect(failure).to.equal(
      `${setting} (${past}) ended on ${dayIn(-1)}: renew it; --tls-ca (${future}) is not valid before ${dayIn(2)}: check the clock`,
    )
  })

  it('reads every certificate of a file', async () => {
    const file = join(tempDir(), 'bundle.crt')
    writeFileSync(file, [fileFor(-1, 90), fileFor(-1, 3)].map((part) => readFileSync(part, 'utf8')).join('\n'))
    expect((await checkCertificates([{ setting, file }], Date.now())).state).to.equal('warning')
  })

  it('names a file that is no certificate', async () => {
    const file = join(tempDir(), 'no.crt')
    writeFileSync(file, 'nothing')
    const failure = await checkCertificates([{ setting, file }], Date.now()).catch((error: Error) => error.message)
    expect(failure).to.match(new RegExp(`^${setting}: ${file} is not a certificate in PEM`))
  })
})
