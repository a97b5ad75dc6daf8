// The secrets that the typed client makes for its writes (crypto.md section 6 f): the caller can have the token of a write
// before the call, and an error tells which token was tried.
import { KeyMode } from '../../gen/encserver/v1/frontend.js'
import { isTokenMode } from '../crypto/token.js'
import { newRecordKey as newToken, newWriteId } from '../crypto/write-secret.js'

/** A mode whose records are opened with a token. */
export type TokenKeyMode = KeyMode.KEY_MODE_CLIENT | KeyMode.KEY_MODE_SPLIT

/** The secret that a failed write tried: `recordKey` in the modes client and split, `writeId` in mode server. */
export interface TriedWrite {
  /** Opens the record if the write took effect. Empty in mode server. */
  recordKey: string
  /** Names the write in a repeat. Empty in the other modes. */
  writeId: Buffer
}

/** A request that stores a version; the name of the token's field differs. */
interface WriteRequest {
  keyMode: KeyMode
  writeId: Buffer
  recordKey?: string
  newRecordKey?: string
}

// Not a property of the error: what prints an error must not print a token.
const tried = new WeakMap<object, TriedWrite>()
const triedItems = new WeakMap<object, ReadonlyMap<string, TriedWrite>>()

/** A new token for one write of this mode, to be kept before the write: `recordKey` of a store, `newRecordKey` of a restore. */
export function newRecordKey(mode: TokenKeyMode = KeyMode.KEY_MODE_SPLIT): string {
  return newToken(mode)
}

/** What the failed write of this error tried; undefined for the error of another call. */
export function triedWrite(error: unknown): TriedWrite | undefined {
  return tried.get(error as object)
}

/** What the items of a stream that were not answered tried, by item id; undefined for the error of another call. */
export function triedWrites(error: unknown): ReadonlyMap<string, TriedWrite> | undefined {
  return triedItems.get(error as object)
}

/** Keeps what the unanswered items of a stream tried, with the error that ended it. */
export function keepTriedItems(error: unknown, items: ReadonlyMap<string, TriedWrite>): void {
  if (isObject(error)) triedItems.set(error, items)
}

/** Keeps what a write tried with its error. */
export function keepTried(error: unknown, write: TriedWrite): void {
  if (isObject(error)) tried.set(error, write)
}

/** False for a text or a number, which the source of an upload may throw. */
function isObject(error: unknown): error is object {
  return typeof error === 'object' && error !== null
}

/** Gives the write a secret unless its caller brought one, and returns it. A request without a mode gets this one. */
export function giveSecret(
  request: WriteRequest,
  field: 'recordKey' | 'newRecordKey',
  defaultMode: KeyMode,
): TriedWrite {
  const hasSecret = request[field] !== '' || request.writeId.length > 0
  if (!hasSecret) {
    if (request.keyMode === KeyMode.KEY_MODE_UNSPECIFIED) request.keyMode = defaultMode
    if (request.keyMode === KeyMode.KEY_MODE_SERVER) request.writeId = newWriteId()
    else if (isTokenMode(request.keyMode)) request[field] = newToken(request.keyMode)
  }
  return { recordKey: request[field] ?? '', writeId: request.writeId }
}

/** Calls `write`; its error keeps the secret that was tried. */
export async function keepingSecret<T>(secret: TriedWrite, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    keepTried(error, secret)
    throw error
  }
}
