// A request id names one call in the logs of every service it passes. It comes from the caller or is made here.

/** The metadata key that carries it, both ways. */
export const requestIdKey = 'x-request-id'

const wellFormed = /^[A-Za-z0-9._-]{1,64}$/

export function newRequestId(): string {
  return globalThis.crypto.randomUUID()
}

/** True for what may stand in a request id. */
export function isRequestId(text: string): boolean {
  return wellFormed.test(text)
}

/** The caller's request id; an absent or malformed one is replaced, as it would end up in our logs. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && isRequestId(given) ? given : newRequestId()
}
