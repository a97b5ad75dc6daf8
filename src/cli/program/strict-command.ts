// A command that ignores nothing, and whose errors quote no flag's value, which may be sensitive. commander's own takes the last
// of two values of a flag, and quotes `--nmae=value` as a whole.
import { Command, type Option, type ParseOptionsResult } from 'commander'
import { ListOption } from './list-option.js'

/** A commander command, and its subcommands. It refuses a repeated flag, and cuts an unknown flag at `=` before it reports it. */
export class StrictCommand extends Command {
  override createCommand(name?: string): Command {
    return new StrictCommand(name)
  }

  override addOption(option: Option): this {
    if (!(option instanceof ListOption)) this.#refuseRepeat(option)
    return super.addOption(option)
  }

  #refuseRepeat(option: Option): void {
    let isGiven = false
    this.on(`option:${option.name()}`, () => {
      if (isGiven) this.error(`error: option '${option.flags}' must not be repeated`)
      isGiven = true
    })
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
