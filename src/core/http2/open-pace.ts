// The pace at which peers open streams: bounded in each turn of the event loop for all connections of a server together, so that a
// flood of begun calls keeps nobody else out. Connections that must wait read on in order, as many in a turn as the bound allows.

/** The streams of all connections in a turn. Beyond it, a connection opens one and waits. */
const maxPerTurn = 128

/** The streams of a connection in a turn while others wait. */
const ownPerTurn = 8

/** The streams that one connection has opened in the current turn. */
export interface OwnPace {
  turn: number
  opened: number
}

/** Counts the streams of all connections of a server. */
export class OpenPace {
  #turn = 0
  #opened = 0
  #scheduled = false
  #waiting: (() => void)[] = []

  /** Counts a stream of this connection. */
  count(own: OwnPace): void {
    if (own.turn !== this.#turn) {
      own.turn = this.#turn
      own.opened = 0
    }
    this.#opened += 1
    own.opened += 1
    this.#schedule()
  }

  /** True if this connection should read no further in this turn. */
  mustWait(own: OwnPace): boolean {
    if (own.turn !== this.#turn || own.opened === 0) return false
    return this.#opened >= maxPerTurn || (this.#waiting.length > 0 && own.opened >= ownPerTurn)
  }

  /** Calls `readOn` in a later turn, after those that wait already. */
  defer(readOn: () => void): void {
    this.#waiting.push(readOn)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#nextTurn())
  }

  #nextTurn(): void {
    this.#scheduled = false
    this.#turn += 1
    this.#opened = 0
    const turn = this.#waiting.length
    for (let begun = 0; begun < turn && this.#opened < maxPerTurn; begun += 1) this.#waiting.shift()?.()
    if (this.#waiting.length > 0) this.#schedule()
  }
}
