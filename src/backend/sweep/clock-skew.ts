// Detects a clock that was set: ahead, or ahead and back. Until the next start records then expire by its latest time
// and are removed by the earlier one (core/clock.ts explains why), which an operator should know.
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
