/** Where the bars of a run's timeline stand. */

import type { Attempt, Run } from '@/api/types'

export interface Span {
  attempt: Attempt
  /** Parts of the whole, 0 to 1. */
  from: number
  size: number
  tone: 'ok' | 'bad' | 'busy' | 'idle'
}

export interface Scale {
  start: number
  end: number
  ticks: { at: number; seconds: number }[]
}

const STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400,
]

/** From the first start to the end, or to the present, with round ticks. */
export function scaleOf(run: Run, now: number): Scale {
  const starts = run.attempts.map((attempt) => Date.parse(attempt.started))
  const ends = run.attempts.map((attempt) =>
    attempt.finished ? Date.parse(attempt.finished) : now,
  )
  const start = Math.min(Date.parse(run.started ?? run.created), ...starts)
  const end = Math.max(run.finished ? Date.parse(run.finished) : now, start + 1, ...ends)
  const whole = (end - start) / 1000
  const step = STEPS.find((size) => whole / size <= 7) ?? Math.ceil(whole / 7)
  const ticks = []
  for (let seconds = 0; seconds < whole; seconds += step)
    ticks.push({ at: seconds / whole, seconds })
  return { start, end, ticks }
}

/** The attempts of a step as bars on a scale. */
export function spansOf(run: Run, step: string, scale: Scale): Span[] {
  const whole = scale.end - scale.start
  return run.attempts
    .filter((attempt) => attempt.step === step)
    .map((attempt) => {
      const start = Date.parse(attempt.started)
      const end = attempt.finished ? Date.parse(attempt.finished) : scale.end
      return {
        attempt,
        from: (start - scale.start) / whole,
        size: Math.max(0, end - start) / whole,
        tone: toneOf(attempt),
      }
    })
}

function toneOf(attempt: Attempt): Span['tone'] {
  if (!attempt.finished) return 'busy'
  if (attempt.error) return 'bad'
  return attempt.end === 'staged' || attempt.end === 'succeeded' ? 'ok' : 'idle'
}
