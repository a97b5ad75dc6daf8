// What one look of `enc-server doctor` finds. What is thrown is an error too.
import type { Finding } from '../cli/enc-server/doctor.js'

export type Look = Omit<Finding, 'what'>

export const ok = (found: string): Look => ({ state: 'ok', found })
export const warning = (found: string): Look => ({ state: 'warning', found })

export async function look(what: string, at: () => Promise<Look>): Promise<Finding> {
  try {
    return { what, ...(await at()) }
  } catch (error) {
    return { what, state: 'error', found: (error as Error).message.replaceAll('\nhint: ', '; ') }
  }
}
