// Turns of the event loop as a measure of time: unlike milliseconds they do not pass while other processes have the
// machine.

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether the promise is settled within some turns of the event loop. */
export async function isSettledSoon(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  for (let turn = 0; turn < 20 && !settled; turn += 1) await turns(1)
  return settled
}
