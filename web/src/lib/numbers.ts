/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en')
const fine = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 })

/** A count with separators; "–" where nothing was counted. */
export function count(value: number | null | undefined): string {
  return value == null ? '–' : whole.format(value)
}

/** A measured number: integers with separators, others with five significant digits. */
export function measure(value: number | null | undefined): string {
  if (value == null) return '–'
  return Number.isInteger(value) ? whole.format(value) : fine.format(value)
}

/** Bytes in binary units. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return '–'
  if (value < 1024) return `${value} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let size = value / 1024
  let unit = 0
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`
}

/** "1 step", "3 steps". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${whole.format(value)} ${value === 1 ? one : many}`
}

/** How much a number changed: "+1,204", "−3". Empty where either is unknown or nothing changed. */
export function change(
  before: number | null | undefined,
  after: number | null | undefined,
): string {
  if (before == null || after == null || before === after) return ''
  const by = after - before
  return `${by > 0 ? '+' : '−'}${whole.format(Math.abs(by))}`
}

/** The first characters of an id, enough to tell one from another. */
export function short(id: string | null | undefined): string {
  return id ? id.slice(0, 12) : '–'
}
