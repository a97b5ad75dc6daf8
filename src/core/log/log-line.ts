// The lines of the log, as its outputs write them.
import winston from 'winston'

const rendered = Symbol.for('message') // winston's key of the finished line

/** An event with its finished line, as winston passes it to an output. */
export interface RenderedEvent {
  level: string
  [rendered]: string
}

/** The rank of a level: 0 is the most severe. */
export function rank(level: string): number {
  return winston.config.npm.levels[level] ?? 0
}

/** The line of an event, with its end. */
export function lineOf(event: RenderedEvent): string {
  return `${event[rendered]}\n`
}

/** The line that says how many events an output has lost. */
export function lostLine(events: number): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level: 'error', event: 'events lost', events })}\n`
}
