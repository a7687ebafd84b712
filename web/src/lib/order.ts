/** Rows in the order that somebody asked for. */

export type Key = string | number | null | undefined

/** The rows by a key of each, upwards or downwards; what has none stands at the end either way. */
export function ordered<T>(rows: readonly T[], key: (row: T) => Key, down: boolean): T[] {
  const known = rows.filter((row) => key(row) != null)
  const none = rows.filter((row) => key(row) == null)
  const sign = down ? -1 : 1
  return [...known.sort((one, other) => sign * compared(key(one), key(other))), ...none]
}

function compared(one: Key, other: Key): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  return String(one).localeCompare(String(other))
}

/** "rows" upwards, "-rows" downwards: what the next press on a head asks for, numbers from the top. */
export function nextOrder(now: string | undefined, key: string, number: boolean) {
  const [first, second] = number ? [`-${key}`, key] : [key, `-${key}`]
  return now === first ? second : now === second ? undefined : first
}
