// Suggestions for mistyped words, by their edit distance (Damerau-Levenshtein, optimal string alignment).
const maxDistance = 2
const maxWordLength = 64 // the distance of longer texts takes too long

/** The known word that is closest to a mistyped one; undefined if none is close. */
export function didYouMean(word: string, known: string[]): string | undefined {
  if (word.length > maxWordLength) return undefined
  const candidates = known.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
  const [best] = candidates.sort((a, b) => a.distance - b.distance)
  const letters = word.replace(/.*[._]|\W/g, '').length // of a path, only its last part counts
  return best && best.distance <= maxDistance && 2 * best.distance < letters ? best.candidate : undefined
}

/** The number of letters that were added, left out, changed or swapped with their neighbour. */
function editDistance(word: string, meant: string): number {
  let [beforePrevious, previous] = [[] as number[], Array.from({ length: meant.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= word.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= meant.length; j += 1) {
      const changed = at(previous, j - 1) + (word[i - 1] === meant[j - 1] ? 0 : 1)
      const areSwapped = i > 1 && word[i - 1] === meant[j - 2] && word[i - 2] === meant[j - 1]
      const swapped = areSwapped ? at(beforePrevious, j - 2) + 1 : changed
      row.push(Math.min(at(previous, j) + 1, at(row, j - 1) + 1, changed, swapped))
    }
    beforePrevious = previous
    previous = row
  }
  return at(previous, meant.length)
}

function at(row: number[], index: number): number {
  return row[index] as number
}
