// What the tests of this folder share: a random source that says what comes next, one user, and what was thrown.
import { randomBytes } from 'node:crypto'
import { AssertionError } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { chunkNonce, encrypt } from '../../../src/frontend/crypto/aead.js'
import { type Derivation, deriveKeys } from '../../../src/frontend/crypto/derive.js'
import { HmacKey } from '../../../src/frontend/crypto/hmac.js'
import type { RandomSource } from '../../../src/frontend/crypto/random.js'
import { type OpenRequest, type SealTerms, sealWhole, startSeal } from '../../../src/frontend/crypto/record.js'
import { parseToken } from '../../../src/frontend/crypto/token.js'
import type { UserKey } from '../../../src/frontend/crypto/user-key.js'

export const bothSuites = [1, 2] as const

/** Gives exactly these values, in this order and of these lengths. */
export function scripted(...values: Buffer[]): RandomSource {
  const left = [...values]
  return {
    fill(memory) {
      const next = left.shift()
      if (next?.length !== memory.length) throw new AssertionError(`nobody scripted ${memory.length} bytes here`)
      memory.set(next)
      return memory
    },
  }
}

/** The error a call throws; it is an error of ours or the test fails. */
export function thrownBy(run: () => unknown): VaultError {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    if (error instanceof VaultError) return error
    throw new AssertionError(`not an error of ours: ${error}`)
  }
  throw new AssertionError(`nothing was thrown, but this returned: ${String(result).slice(0, 80)}`)
}

export function reasonOf(run: () => unknown): string {
  return thrownBy(run).reason
}

/** Everything of an error a caller could see. */
export function visible({ name, message, reason, kind, fields }: VaultError): string {
  return JSON.stringify({ name, message, reason, kind, fields })
}

export const identity = {
  realm: 'test',
  userId: 'alice@example.test',
  recordName: 'passport-scan',
  callerAad: Buffer.alloc(0),
}

export function newUserKey(generation = 1) {
  return { uid: randomBytes(16), generation, key: new HmacKey(randomBytes(32)) }
}

export interface SealRequest extends SealTerms {
  userKey: UserKey
  attributes: Buffer
  data: Buffer
}

export interface SealedRecord {
  keyId: Buffer
  envelope: Buffer
  entryBox: Buffer
  token: string
}

/** A record sealed as a store does it. */
export function sealRecord({ userKey, attributes, data, ...terms }: SealRequest, random: RandomSource): SealedRecord {
  const seal = startSeal(terms, random)
  try {
    const { keyId, token } = seal
    return { keyId, token, envelope: sealWhole(seal, data), entryBox: seal.sealEntry(userKey, attributes) }
  } finally {
    seal.close()
  }
}

/** What a retrieve of a sealed record brings together; the changes are the attack. */
export function openingOf(seal: SealRequest, sealed: SealedRecord, changes: Partial<OpenRequest> = {}): OpenRequest {
  const { realm, userId, recordName, callerAad, userKey } = seal
  const { envelope, entryBox } = sealed
  const token = sealed.token === '' ? undefined : parseToken(sealed.token)
  const ids = { realm, userId, recordName, callerAad }
  return { ...ids, userKey, token, envelope, entryBox, readSuites: bothSuites, ...changes }
}

/** How many HMACs a call computes, whatever comes of it: all of them go through these two methods. */
export function macsIn(run: () => unknown): number {
  const { mac, publicMac } = HmacKey.prototype
  let count = 0
  HmacKey.prototype.mac = function (...parts) {
    count++
    return mac.call(this, ...parts)
  }
  HmacKey.prototype.publicMac = function (...parts) {
    count++
    return publicMac.call(this, ...parts)
  }
  try {
    run()
  } catch {
    // Refusals are counted like successes.
  } finally {
    Object.assign(HmacKey.prototype, { mac, publicMac })
  }
  return count
}

/** Every way to flip one bit. */
export function* bitFlips(bytes: Buffer): Generator<{ bit: number; flipped: Buffer }> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    yield { bit, flipped }
  }
}

/** What somebody with the right key could make: any head, its true commitment, and a body that opens. */
export function forge(key: HmacKey, derivation: Derivation, plaintext: Buffer): Buffer {
  const { commitment, aeadKey } = deriveKeys(key, derivation)
  const body = encrypt({ suite: 1, key: aeadKey, nonce: chunkNonce(0) }, plaintext)
  return Buffer.concat([derivation.head, commitment, ...body])
}
