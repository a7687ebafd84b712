/** Runs by the days on which they began, in the reader's zone. */

import { usual } from './band'
import { worst } from './status'

export interface Begun {
  run: string
  state: string
  created: string
  seconds: number | null
  cause: string
}

export interface Day {
  key: string
  runs: number
  /** How many of them brought a version to an environment: they run every pipeline's steps. */
  promotions: number
  /** The worst that came of its runs. */
  state: string | null
  longest: number | null
  /** A run that succeeded took far longer than nine of ten do, or far shorter. */
  unusual: boolean
}

const FAR = 1.5

/** 2026-03-29, as the reader's calendar has it. */
export function dayOf(at: Date | string): string {
  const date = new Date(at)
  const part = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`
}

/** Weeks from Monday to Sunday, the last with today in it; days to come are null. */
export function weeksOf(runs: readonly Begun[], now: Date, count: number): (Day | null)[][] {
  const band = bandOf(runs)
  const byDay = new Map<string, Begun[]>()
  for (const run of runs) {
    const key = dayOf(run.created)
    byDay.set(key, [...(byDay.get(key) ?? []), run])
  }
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate())
  const monday = today.getDate() - ((today.getDay() + 6) % 7)
  return Array.from({ length: count }, (_, week) =>
    Array.from({ length: 7 }, (_, weekday) => {
      const days = monday - 7 * (count - 1 - week) + weekday
      const date = new Date(today.getFullYear(), today.getMonth(), days)
      return date > today ? null : dayFrom(dayOf(date), byDay.get(dayOf(date)) ?? [], band)
    }),
  )
}

/** What runs that succeeded usually take, promotions apart: they do other work. */
export function bandOf(runs: readonly Begun[]): [number, number] | null {
  return usual(runs.filter(isUsual).map((run) => run.seconds))
}

type Measured = Begun & { seconds: number }

const isUsual = (run: Begun): run is Measured =>
  run.state === 'succeeded' && run.seconds != null && !isPromotion(run)

export function isPromotion(run: Pick<Begun, 'cause'>): boolean {
  return run.cause === 'promotion'
}

function dayFrom(key: string, runs: Begun[], band: [number, number] | null): Day {
  const lengths = runs.flatMap((run) => (run.seconds == null ? [] : [run.seconds]))
  const off = (run: Begun) =>
    band != null && isUsual(run) && (run.seconds * FAR < band[0] || run.seconds > FAR * band[1])
  return {
    key,
    runs: runs.length,
    promotions: runs.filter(isPromotion).length,
    state: worst(runs.map((run) => run.state)),
    longest: lengths.length ? Math.max(...lengths) : null,
    unusual: runs.some(off),
  }
}
