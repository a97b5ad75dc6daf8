// A decoder for the Huffman code of HPACK (RFC 7541 section 5.2). It is a state machine that reads four bits a step: the
// shortest code has five bits, so a step completes at most one symbol. There is no encoder, as we send plain strings.
import { CompressionError } from '../protocol.js'

const endOfString = 256

/** The code length of each symbol in bits (Appendix B). The code is canonical, so the lengths determine it. */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]

// A table entry: the node that the four bits lead to, the symbol they complete and whether they complete one, and whether
// they contain the end-of-string symbol.
const nodeBits = 0xff
const symbolShift = 8
const endsShift = 16
const symbolEnds = 1 << endsShift
const stringEnds = 1 << 17

const tree = codeTree()
const steps = stepTable()
const isEndNode = endNodes()

const minCodeBits = 5
const scratch = Buffer.allocUnsafeSlow(8192)

/**
 * Decodes the bytes from `from` up to `to` as latin1. Throws CompressionError for an invalid string. Each step writes, and
 * the next step overwrites a byte that completed no symbol, so that the loop has no branch. Storing into a Buffer keeps the
 * low byte of the shifted entry, which is the symbol.
 */
export function huffmanDecode(bytes: Buffer, from: number, to: number): string {
  const maxSize = Math.ceil(((to - from) * 8) / minCodeBits)
  const text = maxSize <= scratch.length ? scratch : Buffer.allocUnsafe(maxSize)
  let node = 0
  let size = 0
  let seen = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    const high = steps[(node << 4) | (byte >> 4)] as number
    text[size] = high >> symbolShift
    size += (high >> endsShift) & 1
    const low = steps[((high & nodeBits) << 4) | (byte & 15)] as number
    text[size] = low >> symbolShift
    size += (low >> endsShift) & 1
    node = low & nodeBits
    seen |= high | low
  }
  if (seen & stringEnds) throw new CompressionError('a string contains the end-of-string symbol')
  if (isEndNode[node] === 0) throw new CompressionError('a string ends within a symbol')
  return text.toString('latin1', 0, size)
}

/** The code tree: the children of node n are at 2n and 2n + 1, each a node or the complement of a symbol; 0 is unset. */
function codeTree(): Int16Array {
  const children = new Int16Array(2 * endOfString)
  let nodes = 1
  let code = 0
  let length = 0
  for (const symbol of symbolsInOrder()) {
    code <<= lengthOf(symbol) - length
    length = lengthOf(symbol)
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const side = 2 * node + ((code >> bit) & 1)
      if (children[side] === 0) children[side] = nodes++
      node = children[side] as number
    }
    children[2 * node + (code & 1)] = ~symbol
    code++
  }
  return children
}

function symbolsInOrder(): number[] {
  return [...codeLengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b)
}

function lengthOf(symbol: number): number {
  return codeLengths[symbol] as number
}

/** The table entry of node n and four bits is at 16n + bits. */
function stepTable(): Uint32Array {
  return Uint32Array.from({ length: 16 * endOfString }, (_, at) => step(at >> 4, at & 15))
}

function step(from: number, bits: number): number {
  let node = from
  let symbol = 0
  for (let bit = 3; bit >= 0; bit--) {
    const child = tree[2 * node + ((bits >> bit) & 1)] as number
    if (~child === endOfString) return stringEnds
    if (child < 0) symbol = symbolEnds | (~child << symbolShift)
    node = Math.max(child, 0)
  }
  return symbol | node
}

/** Nodes where a string may end: its padding is ones, at most 7 bits (section 5.2). */
function endNodes(): Uint8Array {
  const ends = new Uint8Array(endOfString)
  let node = 0
  for (let ones = 0; ones < 8; ones++) {
    ends[node] = 1
    node = tree[2 * node + 1] as number
  }
  return ends
}
