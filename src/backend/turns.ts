// How many batches are on their way at once. A turn ends when its batch is answered, or after a moment: a slow call must
// not hold up those that wait behind it.

export interface Turns {
  free(): boolean
  /** Takes so many turns, or more than are left, while one is free; the returned function gives them back, once. */
  hold(taken: number): () => void
}

export function turns({ count, longestMs }: { count: number; longestMs: number }, freed: () => void): Turns {
  let left = count
  return {
    free: () => left > 0,
    hold(taken) {
      left -= taken
      let held = true
      const release = () => {
        if (!held) return
        held = false
        clearTimeout(timer)
        left += taken
        freed()
      }
      const timer = setTimeout(release, longestMs)
      return release
    },
  }
}
