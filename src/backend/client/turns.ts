// How many batches are on their way at once. A turn ends when its batch is answered, or after a moment: a slow call must
// not hold up those that wait behind it.

export interface Semaphore {
  free(): boolean
  /** Takes a turn that is free; the returned function gives it back, once. */
  hold(): () => void
}

export function semaphore({ count, longestMs }: { count: number; longestMs: number }, freed: () => void): Semaphore {
  let left = count
  return {
    free: () => left > 0,
    hold() {
      left -= 1
      let held = true
      const release = () => {
        if (!held) return
        held = false
        clearTimeout(timer)
        left += 1
        freed()
      }
      const timer = setTimeout(release, longestMs)
      return release
    },
  }
}
