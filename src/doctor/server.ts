// What `enc-server doctor` says of a server that does not answer as it should, and what its operator can do about it.
import { withConnectionErrors } from '../cli/options/connection.js'
import type { ChannelConfig } from '../core/client/channel.js'
import { VaultError } from '../core/errors.js'

/** How long a server may take to answer. */
export const timeoutMs = 2_000

export interface Asked {
  channel: ChannelConfig
  /** "a back end" */
  what: string
  /** Which settings say where it is. */
  setting: string
  /** The program that is one. */
  program: string
}

/** Runs a call of that server; its error says what to do. */
export async function ask<T>(asked: Asked, call: () => Promise<T>): Promise<T> {
  try {
    return await withConnectionErrors(asked.channel, call)
  } catch (error) {
    throw error instanceof VaultError ? advised(error, asked) : error
  }
}

function advised(error: VaultError, { channel: { address }, what, setting, program }: Asked): Error {
  const { reason, message, fields } = error
  const isBroken = fields.some(({ field }) => field === 'connection')
  const words: Partial<Record<VaultError['reason'], string>> = {
    NOT_SUPPORTED: `what answers at ${address} is not ${what}: correct ${setting}`,
    DEADLINE_EXCEEDED: `${address} takes calls and has answered none for ${timeoutMs / 1000} s: if it is ${what}, read its log; if not, correct ${setting}`,
    UNREACHABLE: isBroken
      ? `${message}\nhint: if it is ${what}, do both or neither use TLS? if not, correct ${setting}`
      : `${message}: start ${program}, or correct ${setting}`,
    INTERNAL: `${message}\nhint: if it is not ${what}, correct ${setting}`,
  }
  const text = words[reason]
  return text === undefined ? error : new VaultError(reason, { message: text, cause: error })
}
