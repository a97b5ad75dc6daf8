// Detects a system clock that was set ahead, or ahead and back again. Until the next start, records then expire by the
// latest time that the clock has shown, but are removed by an earlier reading (core/clock.ts explains why). An operator
// should know this.
import type { Clock } from '../../core/clock.js'

/** Smaller corrections of a clock are normal. */
const minSkewMs = 600_000

/** A check of the clock. It calls `onSkew` with the skew in milliseconds, once for as long as the skew lasts. */
export function clockSkew(clock: Clock, onSkew: (skewMs: number) => void): () => void {
  let reported = false
  return () => {
    const skewMs = clock.forRefusing().getTime() - clock.forRemoving().getTime()
    const isSkewed = skewMs >= minSkewMs
    if (isSkewed && !reported) onSkew(skewMs)
    reported = isSkewed
  }
}
