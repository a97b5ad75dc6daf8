// A flag that is a list: the only kind that may be repeated.
import { Option } from 'commander'

/** A flag whose parser collects the values of all its occurrences. StrictCommand refuses to see any other flag twice. */
export class ListOption extends Option {
  constructor(flags: string, description: string, parser: (value: string, earlier: never) => unknown) {
    super(flags, `${description}; may be repeated`)
    this.argParser(parser as never)
  }
}
