/** Times as people read them: relative beside the exact one, in the reader's own zone. */

const UNITS: [limit: number, size: number, name: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86_400, 3600, 'hour'],
  [86_400 * 30, 86_400, 'day'],
  [86_400 * 365, 86_400 * 30, 'month'],
  [Number.POSITIVE_INFINITY, 86_400 * 365, 'year'],
]

const SHORT: Partial<Record<Intl.RelativeTimeFormatUnit, string>> = {
  second: 's',
  minute: 'min',
  hour: 'h',
  day: 'd',
  month: 'mo',
  year: 'y',
}

/**
 * "5 min ago", "in 3 h"; seconds by tens, so that a page of times keeps calm. What is past is
 * rounded down, what comes to the nearest: seven days less a minute are "in 7 d".
 */
export function relative(at: string | Date, now: number): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000)
  const size = Math.abs(seconds)
  if (size < 10) return 'just now'
  const round = seconds < 0 ? Math.floor : Math.round
  const [, unit, name] = UNITS.find(([limit, step]) => round(size / step) * step < limit) ?? [
    0,
    1,
    'second' as const,
  ]
  const number = unit === 1 ? Math.floor(size / 10) * 10 : round(size / unit)
  const text = `${number} ${SHORT[name]}`
  return seconds < 0 ? `${text} ago` : `in ${text}`
}

/** The exact time in the reader's zone, with seconds and the zone's name. */
export function exact(at: string | Date): string {
  return new Date(at).toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  })
}

/** Hours, minutes and seconds of a moment, for axes and logs. */
export function clock(at: string | Date): string {
  return new Date(at).toLocaleTimeString(undefined, { hourCycle: 'h23' })
}

/** A length of time: "84 ms", "3.2 s", "4 min 10 s", "2 h 5 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return '–'
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`
}

/** Seconds between two moments, the second of which may still be to come. */
export function between(
  start: string | null | undefined,
  end: string | null | undefined,
  now: number,
): number | null {
  if (!start) return null
  return Math.max(0, ((end ? new Date(end).getTime() : now) - new Date(start).getTime()) / 1000)
}
