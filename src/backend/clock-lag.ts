// A clock that was behind when the process began: what expires is then removed that much later, until the next start
// (core/clock.ts has why). Nothing of it is ever served, but it lies there, and an operator should know.
import type { Clock } from '../core/clock.js'

/** Clocks are corrected by less than that all the time. */
const minLagMs = 600_000

/** A look at the clock; `lags` is told once for as long as it lasts, in milliseconds. */
export function clockLag(clock: Clock, lags: (ms: number) => void): () => void {
  let told = false
  return () => {
    const lagMs = clock.forRefusing().getTime() - clock.forRemoving().getTime()
    if (lagMs >= minLagMs && !told) lags(lagMs)
    told = lagMs >= minLagMs
  }
}
