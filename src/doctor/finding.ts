// The findings of `enc-server doctor`.

/** The result of a check. */
export interface Finding {
  /** The thing that was checked. */
  what: string
  state: 'ok' | 'warning' | 'error'
  /** The finding, and for a problem what to do. */
  found: string
}

/** A result without the name of its check. An error is thrown instead. */
export type CheckResult = Omit<Finding, 'what'>

/** The result of a check that found no problem. */
export const ok = (found: string): CheckResult => ({ state: 'ok', found })
/** The result of a check that found a possible problem. */
export const warning = (found: string): CheckResult => ({ state: 'warning', found })

/** Runs a check; an error that it throws becomes a finding. */
export async function runCheck(what: string, check: () => Promise<CheckResult>): Promise<Finding> {
  try {
    return { what, ...(await check()) }
  } catch (error) {
    return { what, state: 'error', found: (error as Error).message.replaceAll('\nhint: ', '; ') }
  }
}
