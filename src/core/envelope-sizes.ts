// The public sizes of the formats in docs/crypto.md, in bytes. The back end, which knows no cipher, checks by them; the front
// end and the programs use the same numbers.

/** The header of an envelope (section 6). */
export const envelopeHeaderBytes = 88
/** The tag of one chunk. */
export const tagBytes = 16
/** The random id of one write: the etag of a record. */
export const keyIdBytes = 16
/** The random id of one life of a user. */
export const userUidBytes = 16
/** The pseudonym of a user or of a record name: a 4-byte key number (kid), then an HMAC of 32 bytes. */
export const pseudonymBytes = 36
/** The key of a record in a store: the pseudonym of its user, then its own. */
export const recordIdBytes = 2 * pseudonymBytes
