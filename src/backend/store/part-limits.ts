// The limits of parts: how long unreferenced parts stay, and how many calls may carry parts at once.

/** The settings of `backend.parts` that do not depend on the engine. */
export interface PartLimits {
  /**
   * Concurrent calls that carry a part; a further call fails with OVERLOADED. Each call costs some 5 MiB of buffers.
   */
  maxInFlight: number
  /** How long parts stay after their record was replaced or deleted: the longest time for a download. */
  releasedHoldMs: number
  /** How long parts stay that no record refers to yet: the longest time for an upload. */
  orphanHoldMs: number
  /** The pause from the end of one sweep to the next. */
  sweepIntervalMs: number
}

const hourMs = 3_600_000

/** The limits of a back end whose configuration sets none. */
export const defaultPartLimits: PartLimits = {
  maxInFlight: 24,
  releasedHoldMs: hourMs,
  orphanHoldMs: 24 * hourMs,
  sweepIntervalMs: hourMs / 6,
}

/**
 * The greatest age of a set's first part, in milliseconds, at which a record may still refer to the set: 23/24 of the
 * hold. A sweep under way may treat an older set as abandoned; the margin is far longer than a write takes.
 */
export function maxUploadMs({ orphanHoldMs }: PartLimits): number {
  return orphanHoldMs - orphanHoldMs / 24
}
