// Who else was at work while a bench ran, and what that makes its figures worth.
import { busyMs } from './machine.js'

/** Watches until it is told what we took, in milliseconds; returns how many processors the rest kept busy. */
export function watchOthers(): (oursMs: number) => number {
  const [busyBefore, startedAt] = [busyMs(), performance.now()]
  return (oursMs) => Math.max(0, busyMs() - busyBefore - oursMs) / (performance.now() - startedAt)
}

/** Two servers and the load generator want all of a small machine. */
export function doubtOf(othersBusy: number, unit: string): string {
  return othersBusy > 0.2 ? `: trust the CPU per ${unit}, and no throughput or latency` : ''
}
