/** Finding by a few typed characters. */

/** How well `text` matches `wish`: a prefix is best, then a word's start, a part, scattered letters. */
export function score(text: string, wish: string): number {
  const here = text.toLowerCase()
  const want = wish.trim().toLowerCase()
  if (!want) return 1
  if (here.startsWith(want)) return 100 - here.length / 100
  const at = here.indexOf(want)
  if (at > 0) return (/[\s_./-]/.test(here[at - 1] ?? '') ? 80 : 60) - here.length / 100
  let place = 0
  for (const letter of want) {
    place = here.indexOf(letter, place) + 1
    if (!place) return 0
  }
  return 20 - here.length / 100
}

/** The items that match, the best first; the order stays among equals. */
export function rank<T>(items: readonly T[], wish: string, name: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, points: score(name(item), wish) }))
    .filter(({ points }) => points > 0)
    .sort((one, other) => (wish ? other.points - one.points : 0))
    .map(({ item }) => item)
}
