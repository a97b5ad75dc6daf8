// Request ids, which name a call in the logs of all services. A caller may give one; otherwise the first service makes it.

/** The metadata key of a request id, in requests and responses. */
export const requestIdKey = 'x-request-id'

const wellFormed = /^[A-Za-z0-9._-]{1,64}$/

/** Makes a random request id. */
export function newRequestId(): string {
  return globalThis.crypto.randomUUID()
}

/** True for a well-formed request id. */
export function isRequestId(text: string): boolean {
  return wellFormed.test(text)
}

/** The caller's request id, or a new one if it is missing or malformed: any text could otherwise get into the logs. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && isRequestId(given) ? given : newRequestId()
}
