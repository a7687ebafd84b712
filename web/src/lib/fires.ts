/** What fires a trigger, in the words that the command line uses. */

type On = Record<string, unknown>

export function firesOn(kind: string, on: On): string {
  const text = (name: string, otherwise = '') => String(on[name] ?? otherwise)
  switch (kind) {
    case 'cron':
      return `${text('expression')} ${text('timezone', 'UTC')}`
    case 'every':
      return `every ${length(Number(on.seconds))}`
    case 'table':
      return `when ${Array.isArray(on.tables) ? on.tables.join(', ') : ''} changes`
    case 'run':
      return `when ${text('pipeline')} ${text('outcome', 'succeeded')}`
    case 'file':
      return `when ${text('pattern')} arrives`
    case 'sql':
      return 'when a value changes'
    case 'webhook':
      return 'when called'
    default:
      return 'by hand'
  }
}

const SIZES: [size: number, unit: string][] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
]

function length(seconds: number): string {
  const found = SIZES.find(([size]) => seconds >= size && seconds % size === 0)
  return found ? `${seconds / found[0]} ${found[1]}` : `${seconds} s`
}
