import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { RunRow } from '@/api/types'
import { Line, type Point } from '@/charts/Line'
import { bandOf, type Day, dayOf, isPromotion, weeksOf } from '@/lib/days'
import { plural } from '@/lib/numbers'
import { type Search, useWish } from '@/lib/place'
import { toneOf, wordOf } from '@/lib/status'
import { duration } from '@/lib/time'
import css from './Calendar.module.css'

const WEEKS = 16
/** Every other day is named, in the reader's language. */
const DAYS = ['2024-01-01', '2024-01-03', '2024-01-05', '2024-01-07'].map((day) =>
  new Date(`${day}T12:00`).toLocaleDateString(undefined, { weekday: 'short' }),
)
const SIGNS = { ok: '', warn: '!', bad: '✕', busy: '…', idle: '–' }

/** The days on which it ran, and how long it took against what is usual. A day leads to its runs. */
export function Calendar({ runs }: { runs: RunRow[] }) {
  const weeks = useMemo(() => weeksOf(runs, new Date(), WEEKS), [runs])
  const points = useMemo(() => runs.flatMap(pointOf), [runs])
  const band = bandOf(runs)
  return (
    <div className={css.calendar}>
      <figure className={css.days} aria-label="Days with runs">
        <div className={css.months} aria-hidden>
          {weeks.map((week, place) => (
            <span key={week[0]?.key}>{monthAt(weeks, place)}</span>
          ))}
        </div>
        <div className={css.body}>
          <div className={css.names} aria-hidden>
            {DAYS.map((day) => (
              <span key={day}>{day}</span>
            ))}
          </div>
          <div className={css.grid}>
            {weeks.map((week) =>
              week.map((day, place) => <Cell key={day?.key ?? place} day={day} />),
            )}
          </div>
        </div>
        <figcaption className="quiet">
          The worst of each day; a ring: a run took far longer or shorter than usual; ↑: a promotion
          ran its steps.
        </figcaption>
      </figure>
      <div className={css.chart}>
        <Line
          title={band ? `Took; usually ${duration(band[0])} to ${duration(band[1])}` : 'Took'}
          points={points}
          say={duration}
        />
      </div>
    </div>
  )
}

function pointOf(run: RunRow): Point[] {
  if (run.seconds == null || !run.finished || isPromotion(run)) return []
  return [{ at: Date.parse(run.created), value: run.seconds, published: run.state === 'succeeded' }]
}

function monthAt(weeks: (Day | null)[][], place: number): string {
  const month = (week: (Day | null)[] | undefined) => week?.[0]?.key.slice(0, 7)
  const here = month(weeks[place])
  if (!here || (place && month(weeks[place - 1]) === here) || place > WEEKS - 2) return ''
  return new Date(`${here}-15T12:00`).toLocaleDateString(undefined, { month: 'short' })
}

function Cell({ day }: { day: Day | null }) {
  const navigate = useNavigate()
  const chosen = useWish('day')
  if (!day) return <span />
  if (!day.runs) return <span className={css.none} title={day.key} />
  const tone = toneOf(day.state)
  const said = [
    `${day.key}: ${plural(day.runs, 'run')}`,
    ...(day.promotions ? [`of them ${plural(day.promotions, 'promotion')}`] : []),
    wordOf(day.state ?? ''),
    `${duration(day.longest)} at most`,
  ].join(', ')
  return (
    <button
      type="button"
      className={css.day}
      data-tone={tone}
      data-unusual={day.unusual || undefined}
      aria-pressed={chosen === day.key}
      aria-label={said}
      title={said}
      onClick={() =>
        navigate({
          to: '.',
          search: (before: Search) => ({
            ...before,
            day: chosen === day.key ? undefined : day.key,
          }),
          replace: true,
          resetScroll: false,
        })
      }
    >
      {SIGNS[tone] || (day.promotions ? '↑' : '')}
    </button>
  )
}

/** The runs of a day of the reader's calendar; all of them without one. */
export function runsOn(runs: RunRow[], day: string | undefined): RunRow[] {
  return day ? runs.filter((run) => dayOf(run.created) === day) : runs
}
