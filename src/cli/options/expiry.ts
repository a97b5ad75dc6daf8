// The expiry of a record, as flags and import files give it: an RFC 3339 time, or a duration from now.
import { InvalidArgumentError } from 'commander'

const rfc3339 = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/
const durationPattern = /^(\d{1,9})([smhdw])$/
const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
const maxTimeMs = Date.parse('9999-12-31T23:59:59Z')

/** Parses an RFC 3339 time with its zone; undefined for any other text. */
export function parseTime(text: string): Date | undefined {
  const [, day = ''] = rfc3339.exec(text) ?? []
  const [midnight, time] = [new Date(`${day}T00:00:00Z`), new Date(text)]
  if (day === '' || Number.isNaN(midnight.getTime()) || Number.isNaN(time.getTime())) return undefined
  // Date reads February 30 as a day in March.
  return midnight.toISOString().startsWith(day) ? time : undefined
}

/** The parser of --expires. It accepts a time in the past: only the server's clock decides. */
export function parseExpiry(text: string): Date {
  const [, count, unit = ''] = durationPattern.exec(text) ?? []
  const time =
    count === undefined ? parseTime(text) : new Date(Date.now() + Number(count) * (unitSeconds[unit] ?? 0) * 1000)
  if (time !== undefined && time.getTime() <= maxTimeMs) return time
  throw new InvalidArgumentError(
    'It must be a time with its zone, such as 2027-01-01T00:00:00Z, or a duration from now, such as 30d (s, m, h, d or w).',
  )
}
