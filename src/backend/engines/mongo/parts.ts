// Reads and writes of parts as documents (mongo-part-row.ts).
import type { Collection } from 'mongodb'
import { checkDeadline } from '../../store/deadline.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { Part, PartPiece, PartSet, PartSetState } from '../../store/part-store.js'
import { type Caller, insertIfAbsent } from './collections.js'
import { afterSet, type PartRow, partText, rangeOf, setOf } from './part-row.js'

type Parts = Collection<PartRow>
type TimedRow = Omit<PartRow, 'data'>

/** What a query reads at most, of up to 2 MiB each. */
const pageRows = 64

const idOnly = { projection: { _id: 1 } } as const
const timeOnly = { projection: { storeTime: 1 } } as const

export async function putPart(parts: Parts, { partNumber, data, ...set }: Part, caller: Caller): Promise<void> {
  const row = { _id: partText(set, partNumber), storeTime: new Date(), data }
  const there = await insertIfAbsent(parts, row, caller)
  if (!there.data.equals(data)) throw partConflict()
}

/** The server sends a document's field whole, so the piece is cut here. */
export async function getPart(
  parts: Parts,
  piece: PartPiece,
  { call, commandOf }: Caller,
): Promise<Buffer | undefined> {
  const row = await parts.findOne({ _id: partText(piece, piece.partNumber) }, commandOf(call))
  if (row === null) return undefined
  const { start, end } = byteRangeOf(row.data.length, piece)
  return row.data.subarray(start, end)
}

export async function partsState(
  parts: Parts,
  set: PartSet,
  { call, commandOf }: Caller,
): Promise<PartSetState | undefined> {
  const filter = { _id: rangeOf(set) }
  const [count, first, last] = await Promise.all([
    parts.countDocuments(filter, commandOf(call)), // of the index alone
    parts.findOne({ _id: partText(set, 0) }, { ...commandOf(call), ...timeOnly }),
    parts.findOne(filter, { ...commandOf(call), ...idOnly, sort: { _id: -1 } }),
  ])
  const whole = first !== null && last?._id === partText(set, count - 1)
  return whole ? { count, begun: first.storeTime } : undefined
}

/** All rows of a set but their data, a few at a time: the server reads a document whole even when it sends little of it. */
async function* pagesOf(parts: Parts, set: PartSet, { call, commandOf }: Caller): AsyncGenerator<TimedRow[]> {
  const { $gt: first, $lt } = rangeOf(set)
  for (let $gt = first; ; ) {
    checkDeadline(call)
    const options = { ...commandOf(call), ...timeOnly, sort: { _id: 1 }, limit: pageRows } as const
    const rows = await parts.find({ _id: { $gt, $lt } }, options).toArray()
    if (rows.length > 0) yield rows
    if (rows.length < pageRows) return
    $gt = (rows.at(-1) as TimedRow)._id
  }
}

export async function newestPart(parts: Parts, set: PartSet, caller: Caller): Promise<Date | undefined> {
  let newest: Date | undefined
  for await (const rows of pagesOf(parts, set, caller)) {
    for (const { storeTime } of rows) if (newest === undefined || storeTime > newest) newest = storeTime
  }
  return newest
}

/** The first set of those behind the one given, in the order of their ids. */
export async function nextSet(
  parts: Parts,
  after: PartSet | undefined,
  { call, commandOf }: Caller,
): Promise<PartSet | undefined> {
  const filter = after ? { _id: { $gt: afterSet(after) } } : {}
  const row = await parts.findOne(filter, { ...commandOf(call), ...idOnly, sort: { _id: 1 } })
  return row ? setOf(row._id) : undefined
}

export async function removeParts(parts: Parts, set: PartSet, caller: Caller): Promise<void> {
  const { $gt } = rangeOf(set)
  for await (const rows of pagesOf(parts, set, caller)) {
    const $lte = (rows.at(-1) as TimedRow)._id
    await parts.deleteMany({ _id: { $gt, $lte } }, caller.commandOf(caller.call))
  }
}
