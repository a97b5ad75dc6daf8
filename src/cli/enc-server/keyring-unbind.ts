// enc-server keyring unbind: removes the key checks of the store of a stopped back end, after a store of an earlier version was
// bound to a wrong keyring. The next start binds the store again.
import type { Command } from 'commander'
import { type Session, withExamples } from '../program/program.js'
import { printLines, printNote } from '../terminal/output.js'

/** Removes the key checks of the LevelDB store in a folder; returns the names of their keys. */
export type UnbindKeys = (folder: string) => Promise<string[]>

const about = `
For the one case in which the first start after an upgrade had a wrong keyring, so that the right one is refused now. Stop the
back end before, and start the front end with the right keyring afterwards. Records are not touched.`

/** Adds `enc-server keyring unbind`. */
export function addKeyringUnbind(keyring: Command, unbind: UnbindKeys, session: Session): void {
  const command = keyring
    .command('unbind')
    .description('Let a store forget the keys of its keyring (LevelDB, back end stopped).')
    .requiredOption('--data-dir <folder>', "the back end's data folder")
    .addHelpText('after', about)
  withExamples(command, ['enc-server keyring unbind --data-dir data/backend']).action(({ dataDir }) =>
    removeChecks(dataDir, unbind, session),
  )
}

async function removeChecks(folder: string, unbind: UnbindKeys, { terminal }: Session): Promise<void> {
  const names = await unbind(folder)
  if (names.length === 0) return printNote(`the store in ${folder} is bound to no key`, terminal)
  const done = `the store in ${folder} is bound to these keys no more`
  await printLines(names, terminal, { done })
  printNote(`${done}; the next start of a front end binds it again`, terminal)
}
