// Sets of key ids, and of other values of 16 random bytes, for exports and imports of many million records.

/** A set of key ids. */
export interface KeyIdSet {
  add(keyId: Buffer): void
  has(keyId: Buffer): boolean
}

/** The key of a value of random bytes in a Set or a Map: a string of one byte a character, the most compact form. */
export function compactKey(value: Buffer): string {
  return value.toString('latin1')
}

/** Spreads keys over 256 collections by one byte of theirs, since V8's Set and Map hold at most 2^24 keys each. */
export function sharded<T>(make: () => T): (byte: number) => T {
  const shards = Array.from({ length: 256 }, make)
  return (byte) => shards[byte] as T
}

/** An empty set; it takes 50 to 75 bytes of memory for each id. */
export function keyIdSet(): KeyIdSet {
  const shardOf = sharded(() => new Set<string>())
  return {
    add: (keyId) => void shardOf(keyId[0] as number).add(compactKey(keyId)),
    has: (keyId) => shardOf(keyId[0] as number).has(compactKey(keyId)),
  }
}
