// A header block that cannot be read. The table of the connection is out of step then, so the connection ends with
// COMPRESSION_ERROR (RFC 9113 4.3).
export class CompressionError extends Error {
  override readonly name = 'CompressionError'
}
