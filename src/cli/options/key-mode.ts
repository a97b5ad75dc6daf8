// The key modes: their names on the command line and in output, and the flag --mode.
import { type Command, Option } from 'commander'
import { KeyMode, type RequestInput } from '../../frontend/client.js'
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'

/** The key modes by name. */
export const keyModes = {
  client: KeyMode.KEY_MODE_CLIENT,
  server: KeyMode.KEY_MODE_SERVER,
  split: KeyMode.KEY_MODE_SPLIT,
} as const

/** The name of a key mode. */
export type KeyModeName = keyof typeof keyModes

/** What each mode means, for help texts. */
export const keyModesHelp =
  "client: the record key opens it; server: the vault's keyring does, without a record key; split: only both together"

/** The name of a mode; `unknown` for a mode of a newer server. */
export function keyModeName(mode: KeyMode): string {
  return Object.entries(keyModes).find(([, value]) => value === mode)?.[0] ?? 'unknown'
}

/** Adds --mode; `of` names the record in its help text. */
export function addModeFlag(command: Command, of = 'the record'): Command {
  const help = `key mode of ${of}. ${keyModesHelp} (default: split)`
  return command.addOption(new Option('--mode <mode>', help).choices(Object.keys(keyModes)))
}

/** The request's `keyMode`; no field without --mode. */
export function keyModeField(mode: KeyModeName | undefined): Pick<RequestInput<StoreRecordRequest>, 'keyMode'> {
  return mode === undefined ? {} : { keyMode: keyModes[mode] }
}
