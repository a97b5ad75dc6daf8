// Reads and writes of parts as documents (part-row.ts).
import type { Collection } from 'mongodb'
import { checkDeadline } from '../../store/deadline.js'
import { byteRangeOf, partConflict } from '../../store/part-rules.js'
import type { Part, PartPiece, PartSet, PartSetState } from '../../store/part-store.js'
import { insertIfAbsent, type MongoContext } from './collections.js'
import { idAfterSet, type PartRow, partId, setOf, setRange } from './part-row.js'

type Parts = Collection<PartRow>
type TimedRow = Omit<PartRow, 'data'>

/** The rows of one query; each has up to 2 MiB. */
const pageRows = 64

const idOnly = { projection: { _id: 1 } } as const
const timeOnly = { projection: { storeTime: 1 } } as const

/** As PartStore.put. */
export async function putPart(parts: Parts, { partNumber, data, ...set }: Part, context: MongoContext): Promise<void> {
  const row = { _id: partId(set, partNumber), storeTime: new Date(), data }
  const stored = await insertIfAbsent(parts, row, context)
  if (!stored.data.equals(data)) throw partConflict()
}

/** As PartStore.get. The server sends whole fields, so the piece is cut out here. */
export async function getPart(
  parts: Parts,
  piece: PartPiece,
  { call, commandOf }: MongoContext,
): Promise<Buffer | undefined> {
  const row = await parts.findOne({ _id: partId(piece, piece.partNumber) }, commandOf(call))
  if (row === null) return undefined
  const { start, end } = byteRangeOf(row.data.length, piece)
  return row.data.subarray(start, end)
}

/** As PartStore.state. */
export async function partsState(
  parts: Parts,
  set: PartSet,
  { call, commandOf }: MongoContext,
): Promise<PartSetState | undefined> {
  const filter = { _id: setRange(set) }
  const [count, first, last] = await Promise.all([
    parts.countDocuments(filter, commandOf(call)), // reads the index alone
    parts.findOne({ _id: partId(set, 0) }, { ...commandOf(call), ...timeOnly }),
    parts.findOne(filter, { ...commandOf(call), ...idOnly, sort: { _id: -1 } }),
  ])
  const whole = first !== null && last?._id === partId(set, count - 1)
  return whole ? { count, begun: first.storeTime } : undefined
}

/**
 * Pages through a set without its data. Pages are small: the server reads whole documents even when it sends little.
 */
async function* pagesOf(parts: Parts, set: PartSet, { call, commandOf }: MongoContext): AsyncGenerator<TimedRow[]> {
  const { $gt: first, $lt } = setRange(set)
  for (let $gt = first; ; ) {
    checkDeadline(call)
    const options = { ...commandOf(call), ...timeOnly, sort: { _id: 1 }, limit: pageRows } as const
    const rows = await parts.find({ _id: { $gt, $lt } }, options).toArray()
    if (rows.length > 0) yield rows
    if (rows.length < pageRows) return
    $gt = (rows.at(-1) as TimedRow)._id
  }
}

/** As PartStore.newest. */
export async function newestPart(parts: Parts, set: PartSet, context: MongoContext): Promise<Date | undefined> {
  let newest: Date | undefined
  for await (const rows of pagesOf(parts, set, context)) {
    for (const { storeTime } of rows) if (newest === undefined || storeTime > newest) newest = storeTime
  }
  return newest
}

/** The first set after the given one, in the order of their ids. */
export async function nextSet(
  parts: Parts,
  after: PartSet | undefined,
  { call, commandOf }: MongoContext,
): Promise<PartSet | undefined> {
  const filter = after ? { _id: { $gt: idAfterSet(after) } } : {}
  const row = await parts.findOne(filter, { ...commandOf(call), ...idOnly, sort: { _id: 1 } })
  return row ? setOf(row._id) : undefined
}

/** As PartStore.remove. */
export async function removeParts(parts: Parts, set: PartSet, context: MongoContext): Promise<void> {
  const { $gt } = setRange(set)
  for await (const rows of pagesOf(parts, set, context)) {
    const $lte = (rows.at(-1) as TimedRow)._id
    await parts.deleteMany({ _id: { $gt, $lte } }, context.commandOf(context.call))
  }
}
