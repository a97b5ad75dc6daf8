// A command whose errors quote no flag's value, which may be sensitive: commander's own quote `--nmae=value` as a whole.
import { Command, type ParseOptionsResult } from 'commander'

/** A commander command, and its subcommands, that cut an unknown flag at `=` before they report it. */
export class StrictCommand extends Command {
  override createCommand(name?: string): Command {
    return new StrictCommand(name)
  }

  override parseOptions(argv: string[]): ParseOptionsResult {
    const { operands, unknown } = super.parseOptions(argv)
    const [first, ...rest] = unknown
    // A command with subcommands passes its unknown flags on to one of them.
    if (first === undefined || this.commands.length > 0) return { operands, unknown }
    return { operands, unknown: [this.#withoutValue(first), ...rest] }
  }

  #withoutValue(flag: string): string {
    const [name] = flag.split('=') as [string]
    const isKnown = this.createHelp()
      .visibleOptions(this)
      .some(({ long }) => long === name)
    if (isKnown && name !== flag) this.error(`error: option '${name}' takes no value`)
    return name
  }
}
