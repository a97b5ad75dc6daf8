// A set of key ids: 32 bytes for each, where a Set of strings takes several times as much.
const idBytes = 16
const free = Buffer.alloc(idBytes)

export interface KeyIdSet {
  add(keyId: Buffer): void
  has(keyId: Buffer): boolean
}

// Key ids are random: their first bytes are a hash, and none is all zeros.
function slotOf(table: Buffer, keyId: Buffer): Buffer {
  const slots = table.length / idBytes
  for (let at = keyId.readUInt32BE(0) % slots; ; at = (at + 1) % slots) {
    const slot = table.subarray(at * idBytes, (at + 1) * idBytes)
    if (slot.equals(keyId) || slot.equals(free)) return slot
  }
}

function grown(table: Buffer): Buffer {
  const larger = Buffer.alloc(2 * table.length)
  for (let at = 0; at < table.length; at += idBytes) {
    const keyId = table.subarray(at, at + idBytes)
    if (!keyId.equals(free)) keyId.copy(slotOf(larger, keyId))
  }
  return larger
}

export function keyIdSet(): KeyIdSet {
  let table: Buffer = Buffer.alloc(1024 * idBytes)
  let size = 0
  return {
    add(keyId) {
      const slot = slotOf(table, keyId)
      if (slot.equals(keyId)) return
      keyId.copy(slot)
      size += 1
      if (2 * size * idBytes > table.length) table = grown(table)
    },
    has: (keyId) => slotOf(table, keyId).equals(keyId),
  }
}
