import { useMemo, useState } from 'react'
import type { Answer } from '@/api/types'
import { Line } from '@/charts/Line'
import { measure, plural } from '@/lib/numbers'
import { isNumber } from '@/lib/types'
import { Choice } from '@/ui/Field'
import css from './Plot.module.css'

const SHOWN = 40

interface Axes {
  along: string
  values: string[]
  /** Whether what is along is a time, so that the values make a line. */
  time: boolean
}

/** What can be drawn along what: numbers along the first column that is none; null if nothing can. */
export function axesOf({ columns, rows }: Answer): Axes | null {
  const numbers = columns.filter((column) => isNumber(column.type)).map((column) => column.name)
  const along = columns.find((column) => !isNumber(column.type)) ?? columns[0]
  const values = numbers.filter((name) => name !== along?.name)
  if (!along || !values.length || !rows.length) return null
  return { along: along.name, values, time: /^(date|timestamp)/i.test(along.type) }
}

/** An answer as a picture: bars, or a line through time. */
export function Plot({ answer, axes }: { answer: Answer; axes: Axes }) {
  const [wish, setWish] = useState(axes.values[0] ?? '')
  const name = axes.values.includes(wish) ? wish : (axes.values[0] ?? '')
  const points = useMemo(
    () =>
      answer.rows.flatMap((row) => {
        const value = row[name] == null ? Number.NaN : Number(row[name])
        return Number.isNaN(value) ? [] : [{ at: String(row[axes.along]), value }]
      }),
    [answer, axes.along, name],
  )
  const timed = useMemo(
    () => points.map((point) => ({ at: momentOf(point.at), value: point.value })),
    [points],
  )
  return (
    <div className={css.plot}>
      {axes.values.length > 1 && (
        <Choice
          label="What is drawn"
          value={name}
          onChange={setWish}
          options={axes.values.map((value) => [value, value])}
        />
      )}
      {axes.time ? (
        <Line title={`${name} by ${axes.along}`} points={timed} banded={false} />
      ) : (
        <Bars points={points} title={`${name} by ${axes.along}`} />
      )}
    </div>
  )
}

/** A date is that day where the reader is; what has a time says its zone itself. */
function momentOf(text: string): number {
  return Date.parse(text.length === 10 ? `${text}T00:00` : text)
}

function Bars({ points, title }: { points: { at: string; value: number }[]; title: string }) {
  const shown = points.slice(0, SHOWN)
  const low = Math.min(0, ...shown.map((point) => point.value))
  const span = Math.max(0, ...shown.map((point) => point.value)) - low || 1
  return (
    <figure className={css.bars}>
      <figcaption>
        {title}
        {points.length > SHOWN && (
          <span className="quiet">, {plural(points.length - SHOWN, 'row')} more are not drawn</span>
        )}
      </figcaption>
      <ul aria-label={title}>
        {shown.map(({ at, value }, place) => (
          <li key={place}>
            <span className="clip" title={at}>
              {at}
            </span>
            <span className={css.track} aria-hidden>
              <span
                style={{
                  left: `${((Math.min(value, 0) - low) / span) * 100}%`,
                  width: `${(Math.abs(value) / span) * 100}%`,
                }}
              />
            </span>
            <span className="num">{measure(value)}</span>
          </li>
        ))}
      </ul>
    </figure>
  )
}
