import { Link } from '@tanstack/react-router'
import type { RunBrief } from '@/api/types'
import { usual } from '@/lib/band'
import { toneOf, wordOf } from '@/lib/status'
import { duration, exact } from '@/lib/time'
import css from './Strip.module.css'

/** The latest runs as bars, oldest first: as tall as they were long, with the usual band behind. */
export function Strip({
  project,
  runs,
  tall = false,
}: {
  project: string
  runs: RunBrief[]
  tall?: boolean
}) {
  const shown = runs.slice(0, tall ? 60 : 14).reverse()
  const most = Math.max(0.001, ...shown.map((run) => run.seconds ?? 0))
  const good = shown.filter((run) => run.state === 'succeeded').map((run) => run.seconds ?? 0)
  const band = tall ? usual(good) : null
  const share = (value: number) => `${(100 * value) / most}%`
  return (
    <div className={`${css.strip} ${tall ? css.tall : ''}`}>
      {band && (
        <div
          className={css.band}
          title={`Nine of ten take ${duration(band[0])} to ${duration(band[1])}`}
          style={{
            bottom: share(band[0]),
            height: share(Math.max(band[1] - band[0], most * 0.02)),
          }}
        />
      )}
      {shown.map((run) => (
        <Link
          key={run.run}
          to="/p/$project/runs/$run"
          params={{ project, run: run.run }}
          className={css.run}
          title={`${wordOf(run.state)}, ${duration(run.seconds)}, ${exact(run.created)}`}
          aria-label={`Run ${wordOf(run.state)}, ${duration(run.seconds)}`}
        >
          <span
            className={css.bar}
            data-tone={toneOf(run.state)}
            style={{ height: share(Math.max(run.seconds ?? most * 0.3, most * 0.14)) }}
          />
          <span className={css.mark} data-tone={toneOf(run.state)} aria-hidden>
            {toneOf(run.state) === 'bad' ? '✕' : ''}
          </span>
        </Link>
      ))}
    </div>
  )
}
