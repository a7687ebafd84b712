import { Link } from '@tanstack/react-router'
import type { ProjectOverview } from '@/api/types'
import { toneOf, wordOf } from '@/lib/status'
import { duration, exact } from '@/lib/time'
import { Status } from '@/ui/Status'
import { Time } from '@/ui/Time'
import css from './Grid.module.css'

const SHOWN = 28
const SIGNS = { ok: '', warn: '!', bad: '✕', busy: '…', idle: '–' }

/** Every pipeline as a line of its latest runs. */
export function Grid({ own }: { own: ProjectOverview }) {
  const { project } = own
  return (
    <div className={css.grid}>
      {linesOf(own).map(({ name, history }) => (
        <div key={name} className={css.line}>
          <Link
            to="/p/$project/pipelines/$pipeline"
            params={{ project, pipeline: name }}
            className={css.name}
          >
            {name}
          </Link>
          <span className={css.cells}>
            {history
              .slice(0, SHOWN)
              .reverse()
              .map((run) => (
                <Link
                  key={run.run}
                  to="/p/$project/runs/$run"
                  params={{ project, run: run.run }}
                  className={css.cell}
                  data-tone={toneOf(run.state)}
                  aria-label={`${name}: ${wordOf(run.state)}`}
                  title={`${wordOf(run.state)} in ${run.ref}, ${duration(run.seconds)}, ${exact(run.created)}`}
                >
                  {SIGNS[toneOf(run.state)]}
                </Link>
              ))}
          </span>
          <span className={css.last}>
            {history[0] ? (
              <>
                <Status state={history[0].state} />
                <span className="soft wide">
                  <Time at={history[0].created} />
                </span>
              </>
            ) : (
              <span className="quiet">has not run</span>
            )}
          </span>
        </div>
      ))}
    </div>
  )
}

/** By pipeline; a run of several pipelines at once counts for each of them. */
function linesOf({ pipelines }: ProjectOverview): ProjectOverview['pipelines'] {
  const lines = new Map<string, ProjectOverview['pipelines'][number]['history']>()
  for (const { name, history } of pipelines) {
    for (const part of name.split(' ')) lines.set(part, [...(lines.get(part) ?? []), ...history])
  }
  return [...lines]
    .map(([name, history]) => ({
      name,
      history: history.sort((one, other) => other.created.localeCompare(one.created)),
    }))
    .sort((one, other) => one.name.localeCompare(other.name))
}
