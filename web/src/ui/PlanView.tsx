import { plural } from '@/lib/numbers'
import { Fold } from './Fold'
import css from './PlanView.module.css'
import { Said } from './Said'
import { Status } from './Status'

interface Step {
  name: string
  action: unknown
  why: string
  windows: string[]
  problem?: { message: string } | null
}

/** What would be computed and what is reused, with the reason for each. */
export function PlanView({ plan }: { plan: { steps: Step[] } }) {
  const fresh = plan.steps.filter((step) => step.action === 'run')
  const reused = plan.steps.filter((step) => step.action === 'reuse')
  return (
    <section className={css.plan} aria-label="Plan">
      <h3>
        {fresh.length ? `${plural(fresh.length, 'step')} would run` : 'Nothing would run'}
        {reused.length > 0 && <span className="quiet">, {reused.length} reused</span>}
      </h3>
      <Lines steps={fresh} />
      {reused.length > 0 && (
        <Fold title={`${plural(reused.length, 'step')} reused`}>
          <Lines steps={reused} />
        </Fold>
      )}
    </section>
  )
}

function Lines({ steps }: { steps: Step[] }) {
  return (
    <ul className={css.lines}>
      {steps.map((step) => (
        <li key={step.name}>
          <Status
            state={step.problem ? 'error' : step.action === 'reuse' ? 'reused' : 'ready'}
            word={step.name}
          />
          <span className="soft">
            <Said text={step.problem?.message ?? step.why} />
            {windowsOf(step)}
          </span>
        </li>
      ))}
    </ul>
  )
}

/** Which windows, where the reason has not said it yet. */
function windowsOf({ windows, why }: Step): string {
  const [only] = windows
  if (windows.length === 1 && only) return why.includes(only) ? '' : ` (${only})`
  return windows.length && !why.includes('window') ? ` (${plural(windows.length, 'window')})` : ''
}
