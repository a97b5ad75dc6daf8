// Calls of `enc-server doctor` to a server, with errors that tell an operator what to do.
import { backendClient } from '../backend/client.js'
import type { ChannelConfig } from '../core/client/channel.js'
import { newCall } from '../core/client/client.js'
import { withoutTlsWarnings } from '../core/client/tls-warnings.js'
import { VaultError } from '../core/errors.js'
import type { GetStoreInfoResponse } from '../gen/encserver/v1/backend.js'

/** The timeout of a call, in milliseconds. */
export const timeoutMs = 2_000

/** A server to check. */
export interface CheckedServer {
  channel: ChannelConfig
  /** The role of the server, such as `a back end`. */
  what: string
  /** The settings that hold its address. */
  setting: string
  /** The program that runs it. */
  program: string
}

/** Runs a call to the server. The message of an error tells what to do. */
export async function callServer<T>(server: CheckedServer, call: () => Promise<T>): Promise<T> {
  try {
    return await withoutTlsWarnings(server.channel, call)
  } catch (error) {
    throw error instanceof VaultError ? withAdvice(error, server) : error
  }
}

function withAdvice(error: VaultError, { channel: { address }, what, setting, program }: CheckedServer): Error {
  const { reason, message, fields } = error
  const isBroken = fields.some(({ field }) => field === 'connection')
  const messages: Partial<Record<VaultError['reason'], string>> = {
    NOT_SUPPORTED: `the server at ${address} is not ${what}: correct ${setting}`,
    DEADLINE_EXCEEDED: `${address} accepts calls but has not answered for ${timeoutMs / 1000} s: if it is ${what}, read its log; if not, correct ${setting}`,
    UNREACHABLE: isBroken
      ? `${message}; if it is ${what}, do both or neither use TLS? if not, correct ${setting}`
      : `${message}: start ${program}, or correct ${setting}`,
    INTERNAL: `${message}; if it is not ${what}, correct ${setting}`,
  }
  const text = messages[reason]
  return text === undefined ? error : new VaultError(reason, { message: text, cause: error })
}

/** The store as the back end at this address describes it. */
export async function fetchStoreInfo(channel: ChannelConfig): Promise<GetStoreInfoResponse> {
  const { methods, close } = backendClient(channel)
  try {
    const server = { channel, what: 'a back end', setting: 'frontend.backend.address', program: 'beserver' }
    return await callServer(server, () => methods.getStoreInfo({}, newCall({ timeoutMs })))
  } finally {
    close()
  }
}
