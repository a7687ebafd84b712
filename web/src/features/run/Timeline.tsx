import { useNavigate } from '@tanstack/react-router'
import type { Run } from '@/api/types'
import { useNow } from '@/lib/hooks'
import { count, plural } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { isOpen, toneOf, wordOf } from '@/lib/status'
import { duration } from '@/lib/time'
import { Status } from '@/ui/Status'
import { type Scale, scaleOf, spansOf } from './spans'
import css from './Timeline.module.css'

/** Every step as a line: its state, and a bar for each of its attempts. */
export function Timeline({ run, chosen }: { run: Run; chosen: string | null }) {
  return isOpen(run.state) ? (
    <Going run={run} chosen={chosen} />
  ) : (
    <Lines run={run} chosen={chosen} now={0} />
  )
}

function Going(props: { run: Run; chosen: string | null }) {
  return <Lines {...props} now={useNow()} />
}

function Lines({ run, chosen, now }: { run: Run; chosen: string | null; now: number }) {
  const navigate = useNavigate()
  const scale = scaleOf(run, now)
  const first = new Map<string, number>()
  for (const attempt of run.attempts) {
    const at = Date.parse(attempt.started)
    if (attempt.step) first.set(attempt.step, Math.min(at, first.get(attempt.step) ?? at))
  }
  const order = (name: string) =>
    first.get(name) ??
    (run.steps.find((step) => step.name === name)?.state === 'reused' ? 0 : Number.MAX_SAFE_INTEGER)
  const steps = [...run.steps].sort((one, other) => order(one.name) - order(other.name))
  return (
    <div className={css.timeline}>
      <div className={css.axis} aria-hidden>
        <span />
        <span className={css.ticks}>
          {scale.ticks.map((tick) => (
            <span key={tick.seconds} style={{ left: `${tick.at * 100}%` }}>
              {tick.seconds ? duration(tick.seconds) : '0'}
            </span>
          ))}
        </span>
      </div>
      <ul aria-label="Steps">
        {steps.map((step) => (
          <li key={step.name}>
            <button
              type="button"
              className={css.line}
              aria-pressed={chosen === step.name}
              onClick={() =>
                navigate({
                  to: '.',
                  search: (before: Search) => ({
                    ...before,
                    step: chosen === step.name ? undefined : step.name,
                  }),
                  replace: true,
                  resetScroll: false,
                })
              }
            >
              <span className={css.name}>
                <Status state={step.state} bare />
                <span className="clip">{step.name}</span>
                <span className={css.what}>{noteOf(step)}</span>
              </span>
              <Bars run={run} step={step.name} state={step.state} scale={scale} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}

function noteOf(step: Run['steps'][number]): string {
  if (step.attempts > 1) return plural(step.attempts, 'attempt')
  if (step.state === 'reused' || step.rows == null) return wordOf(step.state)
  return `${count(step.rows)} rows`
}

function Bars({
  run,
  step,
  state,
  scale,
}: {
  run: Run
  step: string
  state: string
  scale: Scale
}) {
  const spans = spansOf(run, step, scale)
  const last = spans.at(-1)
  const after = last ? last.from + last.size : 0
  const before = last?.from ?? 0
  // Behind its bar, before it where there is no room behind, within it where there is none either.
  const where = after <= 0.86 ? 'behind' : before >= 0.14 ? 'before' : 'within'
  return (
    <span className={css.track} data-empty={spans.length ? undefined : true}>
      {scale.ticks.map((tick) => (
        <span key={tick.seconds} className={css.rule} style={{ left: `${tick.at * 100}%` }} />
      ))}
      {spans.map((span) => (
        <span
          key={span.attempt.attempt}
          className={css.bar}
          data-tone={span === last && toneOf(state) === 'bad' ? 'bad' : span.tone}
          title={`Attempt ${span.attempt.epoch}: ${duration(span.attempt.seconds)}${span.attempt.end ? `, ${span.attempt.end}` : ''}`}
          style={{ left: `${span.from * 100}%`, width: `max(3px, ${span.size * 100}%)` }}
        />
      ))}
      <span
        className={css.took}
        data-where={where}
        style={
          where === 'behind'
            ? { left: `${after * 100}%` }
            : { right: `${(1 - (where === 'before' ? before : after)) * 100}%` }
        }
      >
        {last
          ? duration(last.attempt.seconds ?? (scale.end - Date.parse(last.attempt.started)) / 1000)
          : ''}
      </span>
    </span>
  )
}
