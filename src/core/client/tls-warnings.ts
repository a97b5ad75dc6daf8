// Node's warning about TLS to an IP address. grpc-js always sends the host as the TLS server name, even an IP address, for which
// Node warns (DEP0123). The warning helps developers, not users of a program.
import type { ChannelConfig } from './channel.js'

/** Runs the work of a program over that channel, without the warning. */
export async function withoutTlsWarnings<T>({ tls }: ChannelConfig, work: () => Promise<T>): Promise<T> {
  if (tls === undefined) return work()
  const { noDeprecation = false } = process
  process.noDeprecation = true
  try {
    return await work()
  } finally {
    process.noDeprecation = noDeprecation
  }
}
