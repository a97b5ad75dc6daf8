// The known word that a mistyped one was probably meant to be.
const mostMistakes = 2
const longestLetters = 64 // what is longer is no word, and takes its time

/** Undefined when none is close. */
export function didYouMean(word: string, known: string[]): string | undefined {
  if (word.length > longestLetters) return undefined
  const tried = known.map((each) => ({ each, mistakes: mistakesIn(word, each) }))
  const [best] = tried.sort((a, b) => a.mistakes - b.mistakes)
  const letters = word.replace(/.*[._]|\W/g, '').length // of a path, those of its last part
  return best && best.mistakes <= mostMistakes && 2 * best.mistakes < letters ? best.each : undefined
}

/** How many letters were added, left out, changed or swapped with their neighbour. */
function mistakesIn(word: string, meant: string): number {
  let [before, last] = [[] as number[], Array.from({ length: meant.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= word.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= meant.length; j += 1) {
      const changed = at(last, j - 1) + (word[i - 1] === meant[j - 1] ? 0 : 1)
      const areSwapped = i > 1 && word[i - 1] === meant[j - 2] && word[i - 2] === meant[j - 1]
      const swapped = areSwapped ? at(before, j - 2) + 1 : changed
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, changed, swapped))
    }
    before = last
    last = row
  }
  return at(last, meant.length)
}

function at(row: number[], place: number): number {
  return row[place] as number
}
