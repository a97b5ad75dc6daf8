// How long parts are kept that no record refers to, and how many are on their way at once.

export interface PartLimits {
  /** Calls that carry a part, answered at once; one more gets OVERLOADED. Each costs some 5 MiB in buffers. */
  maxInFlight: number
  /** How long parts stay after their record was replaced or deleted: as long as a download may take. */
  releasedHoldMs: number
  /** How long parts stay that no record has taken up: as long as an upload may take. */
  orphanHoldMs: number
  /** The pause from the end of one sweep to the next. */
  sweepIntervalMs: number
}

const hourMs = 3_600_000

export const defaultPartLimits: PartLimits = {
  maxInFlight: 24,
  releasedHoldMs: hourMs,
  orphanHoldMs: 24 * hourMs,
  sweepIntervalMs: hourMs / 6,
}

/**
 * The greatest age of a set's first part at which a record may still take the set up: 23 of 24 hours. What is older may be
 * taken for abandoned by a sweep that has begun, and the margin is far longer than a write takes.
 */
export function maxUploadMs({ orphanHoldMs }: PartLimits): number {
  return orphanHoldMs - orphanHoldMs / 24
}
