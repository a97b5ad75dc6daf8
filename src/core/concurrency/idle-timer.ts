// An inactivity timeout: expires when nothing has happened for a time. It ends streams on which nothing moves, on either side
// of a connection.

/** An inactivity timeout. After `stop` its methods have no effect. */
export interface IdleTimer {
  /** Starts or restarts the time. */
  start(): void
  /** Restarts the time if it runs. */
  touch(): void
  /** Stops the time until the next start. */
  pause(): void
  /** Starts the time, and pauses it when `awaited` settles. */
  during<T>(awaited: Promise<T>): Promise<T>
  stop(): void
}

/** A timer of `ms` milliseconds that has not been started. It calls `expired` at most once. */
export function idleTimer(ms: number, expired: () => void): IdleTimer {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  function expire(): void {
    stop()
    expired()
  }

  function start(): void {
    pause()
    if (!isStopped) timer = setTimeout(expire, ms)
  }

  function pause(): void {
    clearTimeout(timer)
    timer = undefined
  }

  function stop(): void {
    isStopped = true
    pause()
  }

  return {
    start,
    touch: () => timer?.refresh(),
    pause,
    during(awaited) {
      start()
      return awaited.finally(pause)
    },
    stop,
  }
}
