// Ends what does not move.
import { VaultError } from './errors.js'

export interface IdleTimer {
  /** Rejects with DEADLINE_EXCEEDED when nothing has moved for that long. */
  passed: Promise<never>
  /** Something moved. */
  touch(): void
  stop(): void
}

export function idleTimer(ms: number): IdleTimer {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<never>((_, reject) => {
    const message = `nothing moved on the stream for ${ms / 1000} s`
    timer = setTimeout(() => reject(new VaultError('DEADLINE_EXCEEDED', { message })), ms)
  })
  return { passed, touch: () => timer?.refresh(), stop: () => clearTimeout(timer) }
}
