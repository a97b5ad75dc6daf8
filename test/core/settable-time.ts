// A wall clock that can be set, and a monotonic one that cannot.
import type { TimeSources } from '../../src/core/clock.js'

export interface SettableTime extends TimeSources {
  /** Both go on. */
  pass(ms: number): void
  /** Someone sets the wall clock. */
  set(wallMs: number): void
}

export function settableTime(startMs: number): SettableTime {
  let wall = startMs
  let monotonic = 5_000
  return {
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    pass(ms) {
      wall += ms
      monotonic += ms
    },
    set(wallMs) {
      wall = wallMs
    },
  }
}
