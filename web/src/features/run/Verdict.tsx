import { Link } from '@tanstack/react-router'
import { CircleAlert, CircleCheck } from 'lucide-react'
import type { Run } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { type Search, useProject } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { RefName } from '@/ui/RefName'
import { Said } from '@/ui/Said'
import css from './Verdict.module.css'

/** In a sentence: what the run came to, what was kept, and where to look. */
export function Verdict({ run }: { run: Run }) {
  const project = useProject()
  if (isOpen(run.state)) return null
  const failing = run.tests.filter((test) => ['fail', 'error'].includes(test.verdict))
  const broken = run.steps.filter((step) => step.state === 'failed')
  const good = run.state === 'succeeded'
  const Icon = good ? CircleCheck : CircleAlert
  return (
    <section className={css.verdict} data-good={good || undefined} aria-label="What came of it">
      <Icon aria-hidden />
      <div className={css.text}>
        {good ? (
          <p>
            {run.published ? (
              <>
                Published to <RefName name={run.ref} /> as{' '}
                <span className="mono">{short(run.commit)}</span>: all its tables became visible
                together.
              </>
            ) : (
              'Nothing had changed, so nothing was published.'
            )}
          </p>
        ) : (
          <>
            <p className={css.message}>{headline(run, failing.length, broken.length)}</p>
            <p className="soft">
              Nothing of it was published: every reader of {run.ref} still sees the tables from
              before. What was proved is kept, and a resumed run takes it over.
            </p>
          </>
        )}
        {failing.length > 0 && (
          <ul className={`${css.tests} inline`}>
            {failing.map((test) => (
              <li key={`${test.step}${test.table}${test.name}`}>
                <Link
                  to="/p/$project/runs/$run"
                  params={{ project, run: run.run }}
                  search={(before: Search) => ({
                    ...before,
                    tab: 'tests',
                    test: `${test.step}.${test.table}.${test.name}`,
                  })}
                >
                  {test.name}
                </Link>{' '}
                <span className="soft">{test.message}</span>
              </li>
            ))}
          </ul>
        )}
        {broken.map((step) => (
          <p key={step.name}>
            <Link
              to="."
              search={(before: Record<string, unknown>) => ({
                ...before,
                tab: undefined,
                step: step.name,
              })}
            >
              {step.name}
            </Link>{' '}
            <span className="soft">
              <Said text={[step.message, step.hint].filter(Boolean).join(' ')} />
            </span>
          </p>
        ))}
        {run.warnings.length > 0 && (
          <p className="soft">
            {plural(run.warnings.length, 'warning')}: {run.warnings.join('; ')}
          </p>
        )}
      </div>
    </section>
  )
}

function headline(run: Run, failing: number, broken: number): string {
  if (run.reason === 'test_failed' && failing) {
    return `${plural(failing, 'test')} failed and stopped the run.`
  }
  if (broken) return `${plural(broken, 'step')} failed and stopped the run.`
  return run.message ?? `The run was ${run.state}.`
}
