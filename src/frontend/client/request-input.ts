// The input of the typed client's methods, checked before anything is sent. A property that the request does not have is an error:
// a typing error in a name must not drop contents or a precondition.
import { type CallOptions, maxTimeoutMs, newCall } from '../../core/client/client.js'
import {
  anything,
  argumentOf,
  boolean,
  bytes,
  date,
  type FieldCheck,
  int32,
  objectOf,
  text,
  uint32,
  uint64,
} from '../../core/client/field-checks.js'
import { invalidField } from '../../core/errors.js'
import type {
  DeleteRecordRequest,
  GetLegacyIdRequest,
  ImportLegacyRecordRequest,
  ListRecordsRequest,
  ListRecordVersionsRequest,
  RecordAttributes,
  RestoreRecordRequest,
  RetrieveRecordRequest,
  StoreRecordRequest,
} from '../../gen/encserver/v1/frontend.js'
import { keyMode, labels, precondition } from './field-types.js'

/** The fields without which a request means something else. */
type RequiredField = 'userId' | 'data'

/** A request in which only `userId` and, in a store, `data` are required; so is no attribute. */
export type RequestInput<Request extends { userId: string }> = {
  [Name in Extract<keyof Request, RequiredField>]-?: Exclude<Request[Name], undefined>
} & {
  [Name in Exclude<keyof Request, RequiredField>]?: Name extends 'attributes'
    ? Partial<RecordAttributes> | undefined
    : Request[Name]
}

/** Every field of every request; a name has the same type in all of them. */
type AnyRequest = StoreRecordRequest &
  RetrieveRecordRequest &
  DeleteRecordRequest &
  ListRecordsRequest &
  ListRecordVersionsRequest &
  RestoreRecordRequest &
  ImportLegacyRecordRequest &
  GetLegacyIdRequest

const fieldChecks: Readonly<Record<keyof AnyRequest, FieldCheck>> = {
  allowMissing: boolean,
  attributes: objectOf({ contentType: text, labels }),
  blob: bytes,
  callerAad: bytes,
  data: bytes,
  expectKeyId: bytes,
  expireTime: date,
  keepVersions: uint32,
  key: bytes,
  keyMode,
  newRecordKey: text,
  nonce: bytes,
  nonceInFront: boolean,
  pageSize: int32,
  pageToken: text,
  precondition,
  recordKey: text,
  recordName: text,
  triedMsAgo: uint32,
  userId: text,
  version: uint64,
  writeId: bytes,
}

/** Makes requests of one type from the input of callers; throws INVALID_REQUEST with the caller's name of a field. */
export function requestMaker<Request extends { userId: string }>(
  { create }: { create(base: object): Request },
  { without = [] }: { without?: (keyof Request)[] } = {},
): (input: unknown, name?: string) => Request {
  const names = Object.keys(create({})).filter((field) => !without.includes(field as keyof Request))
  const check = argumentOf(Object.fromEntries(names.map((field) => [field, fieldChecks[field as keyof AnyRequest]])))
  const required = (['userId', 'data'] satisfies RequiredField[]).filter((field) => names.includes(field))
  return (input, name = 'request') => {
    check(name, input)
    for (const field of required) {
      if ((input as Partial<AnyRequest>)[field] === undefined) throw invalidField(field, missing[field])
    }
    return create(input as object)
  }
}

const missing: Record<RequiredField, string> = {
  userId: 'must be set',
  data: 'must be set; Buffer.alloc(0) stores an empty record',
}

const checkItem = argumentOf({ itemId: text, record: anything })

/** The same items; throws INVALID_REQUEST for one that has other properties. */
export async function* checkedItems<Item extends { itemId: string }>(
  items: AsyncIterable<Item> | Iterable<Item>,
): AsyncGenerator<Item, void, undefined> {
  checkIterable('items', items)
  for await (const item of items) {
    checkItem('item', item)
    yield item
  }
}

/** Throws INVALID_REQUEST unless `for await` can read the value. */
export function checkIterable(name: string, value: unknown): void {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(value)
  if (typeof (async ?? sync) === 'function') return
  throw invalidField(name, 'must be iterable')
}

/** The call of a stream: it has no deadline unless the caller sets one, since idle streams time out by themselves. */
export function streamCall(options: CallOptions = {}) {
  return newCall({ timeoutMs: maxTimeoutMs, ...options })
}
