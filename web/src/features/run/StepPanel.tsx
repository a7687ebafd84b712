import { useNavigate } from '@tanstack/react-router'
import { X } from 'lucide-react'
import type { Run } from '@/api/types'
import { bytes, count, plural } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { duration } from '@/lib/time'
import { Button } from '@/ui/Button'
import { Code } from '@/ui/Code'
import { Facts } from '@/ui/Facts'
import { Fold } from '@/ui/Fold'
import { RunName, TableName } from '@/ui/RunName'
import { Said } from '@/ui/Said'
import { Badge } from '@/ui/Status'
import { LogView } from './LogView'
import css from './StepPanel.module.css'

/** One step of a run: its state with the reason, what it made, and what it printed. */
export function StepPanel({ run, name }: { run: Run; name: string }) {
  const navigate = useNavigate()
  const step = run.steps.find((item) => item.name === name)
  if (!step) return null
  const attempts = run.attempts.filter((attempt) => attempt.step === name)
  const made = run.tables.filter(
    (table) => table.name === name || outputs(run, name).has(table.name),
  )
  const tests = run.tests.filter((test) => test.step === name)
  const bad = tests.filter((test) => test.verdict !== 'pass').length
  const leave = () =>
    navigate({
      to: '.',
      search: (before: Search) => ({ ...before, step: undefined }),
      replace: true,
    })
  return (
    <section className={css.panel} aria-label={`Step ${name}`}>
      <header className={css.head}>
        <h2>{name}</h2>
        <Badge state={step.state} />
        <Button look="bare" aria-label="Close" icon={<X />} onClick={leave} />
      </header>
      {(step.message ?? step.why) && (
        <p>
          <Said text={step.message ?? step.why ?? ''} />
        </p>
      )}
      {step.hint && (
        <p className="soft">
          <Said text={step.hint} />
        </p>
      )}
      <Facts
        of={[
          ['Computed in', step.seconds == null ? null : duration(step.seconds)],
          ['Rows', step.rows == null ? null : count(step.rows)],
          ['Bytes', step.bytes == null ? null : bytes(step.bytes)],
          ['Windows', step.windows.length ? windows(step.windows) : null],
          ['Attempts', attempts.length || null],
          ['Reused from', step.reused_from && <RunName id={step.reused_from} />],
          ['Written in', step.where && <span className="mono long">{step.where}</span>],
          [
            'Tests',
            tests.length
              ? bad
                ? `${bad} of ${tests.length} did not pass`
                : `${plural(tests.length, 'test')} passed`
              : 'none',
          ],
          [
            'Made',
            made.length
              ? made.map((table) => (
                  <span key={table.name} className={css.made}>
                    <TableName name={table.name} in={run.ref} at={run.commit ?? undefined} />
                  </span>
                ))
              : null,
          ],
        ]}
      />
      {step.trace && (
        <Fold title="Where it broke" open>
          <Code text={step.trace} label="Copy the trace" />
        </Fold>
      )}
      {attempts.length > 0 && (
        <LogView
          run={run.run}
          step={name}
          attempts={attempts}
          live={isOpen(run.state)}
          first={step.state === 'failed' ? 'stderr' : 'stdout'}
        />
      )}
    </section>
  )
}

function outputs(run: Run, step: string): Set<string> {
  return new Set(run.tests.filter((test) => test.step === step).map((test) => test.table))
}

function windows(of: string[]): string {
  return of.length < 4 ? of.join(', ') : `${of[0]} and ${of.length - 1} more`
}
