// What many figures say together.
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] as number
  return (at((sorted.length - 1) >> 1) + at(sorted.length >> 1)) / 2
}

export function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
