// What a bench has started and must take down again, however it ends.
type TakeDown = () => Promise<unknown> | unknown

export interface Stage {
  /** Called at the end, before what was added earlier. */
  add(takeDown: TakeDown): void
  end(): Promise<void>
}

/** Ctrl-C takes everything down too. */
export function openStage(): Stage {
  const takeDowns: TakeDown[] = []
  const stage = {
    add: (takeDown: TakeDown) => void takeDowns.push(takeDown),
    async end() {
      for (let last = takeDowns.pop(); last !== undefined; last = takeDowns.pop()) await last()
    },
  }
  const leave = () => void stage.end().finally(() => process.exit(130))
  process.once('SIGINT', leave).once('SIGTERM', leave)
  return stage
}
