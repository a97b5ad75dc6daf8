// The check of certificates: whether they can be read, and when they end. Servers and callers accept a certificate until its end
// without a word, and refuse it from then on.
import { readCertificates } from '../core/tls/pem.js'
import { type Validity, validityOf } from '../core/tls/validity.js'
import { type CheckResult, ok, warning } from './finding.js'

/** A file with certificates, and the setting or flag that names it. */
export interface CertificateFile {
  setting: string
  file: string
}

const dayMs = 86_400_000
/** A certificate that ends within this time is reported. */
const noticeDays = 14

/** Checks all certificates of the files at `nowMs`; throws if one cannot be read or used. */
export async function checkCertificates(files: CertificateFile[], nowMs: number): Promise<CheckResult> {
  const ends = files.map((from) => ({ from, ...validityOf(readCertificates(from)) }))
  const unusable = ends.flatMap(({ from, ...validity }) => unusableProblem(from, validity, nowMs))
  if (unusable.length > 0) throw new Error(unusable.join('; '))
  const soon = ends.filter(({ endMs }) => endMs - nowMs < noticeDays * dayMs)
  if (soon.length > 0) return warning(soon.map(({ from, endMs }) => endingText(from, endMs, nowMs)).join('; '))
  return ok(`the first of ${files.length} files ends on ${dayOf(Math.min(...ends.map(({ endMs }) => endMs)))}`)
}

function unusableProblem({ setting, file }: CertificateFile, { startMs, endMs }: Validity, nowMs: number): string[] {
  if (endMs <= nowMs) return [`${setting} (${file}) ended on ${dayOf(endMs)}: renew it`]
  return startMs > nowMs ? [`${setting} (${file}) is not valid before ${dayOf(startMs)}: check the clock`] : []
}

function endingText({ setting, file }: CertificateFile, endMs: number, nowMs: number): string {
  const days = Math.floor((endMs - nowMs) / dayMs)
  return `${setting} (${file}) ends on ${dayOf(endMs)}, in ${days === 1 ? '1 day' : `${days} days`}: renew it`
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}
