// A clock that was set, ahead or ahead and back: until the next start records end by its latest time, and what has ended is
// removed by the earlier (core/clock.ts has why). An operator should know.
import type { Clock } from '../../core/clock.js'

/** Clocks are corrected by less than that all the time. */
const minLagMs = 600_000

/** A look at the clock; `lags` is told once for as long as it lasts, in milliseconds. */
export function clockSkew(clock: Clock, lags: (ms: number) => void): () => void {
  let told = false
  return () => {
    const lagMs = clock.forRefusing().getTime() - clock.forRemoving().getTime()
    if (lagMs >= minLagMs && !told) lags(lagMs)
    told = lagMs >= minLagMs
  }
}
