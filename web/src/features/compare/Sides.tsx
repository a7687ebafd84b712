import type { Comparison } from '@/api/types'
import { count, plural } from '@/lib/numbers'
import { toneOf } from '@/lib/status'
import { duration } from '@/lib/time'
import { DataTable } from '@/ui/DataTable'
import { Fold } from '@/ui/Fold'
import { Status } from '@/ui/Status'
import css from './Sides.module.css'

/** The steps of both runs, line by line. */
export function StepsSideBySide({ facts }: { facts: Comparison }) {
  const most = Math.max(
    0.001,
    ...facts.steps.flatMap((step) => [step.a?.seconds ?? 0, step.b?.seconds ?? 0]),
  )
  return (
    <DataTable
      label="Steps of both runs"
      rows={facts.steps}
      id={(step) => step.name}
      mark={(step) => toneOf(step.a?.state) !== toneOf(step.b?.state)}
      columns={[
        { key: 'name', head: 'Step', cell: (step) => <strong>{step.name}</strong> },
        { key: 'a', head: 'A', cell: (step) => (step.a ? <Status state={step.a.state} /> : '–') },
        { key: 'b', head: 'B', cell: (step) => (step.b ? <Status state={step.b.state} /> : '–') },
        { key: 'ra', head: 'Rows in A', kind: 'wide num', cell: (step) => count(step.a?.rows) },
        { key: 'rb', head: 'Rows in B', kind: 'wide num', cell: (step) => count(step.b?.rows) },
        {
          key: 'took',
          head: 'Computed in, A above B',
          kind: 'wide grow',
          cell: (step) => (
            <span className={css.bars}>
              {[step.a, step.b].map((side, place) => (
                <span key={place ? 'b' : 'a'} className={css.line}>
                  <span
                    className={css.bar}
                    data-side={place ? 'b' : 'a'}
                    style={{ width: `${((side?.seconds ?? 0) / most) * 70}%` }}
                  />
                  <span className="quiet">
                    {side?.seconds == null ? '–' : duration(side.seconds)}
                  </span>
                </span>
              ))}
            </span>
          ),
        },
      ]}
    />
  )
}

/** The tests whose verdicts differ. */
export function TestsSideBySide({ facts }: { facts: Comparison }) {
  const differ = facts.tests.filter((test) => test.a?.verdict !== test.b?.verdict)
  const both = differ.filter((test) => test.a && test.b)
  const single = differ.filter((test) => !test.a || !test.b)
  return (
    <>
      {both.length ? (
        <Tests rows={both} />
      ) : (
        <p className="soft">Every test that both were asked said the same.</p>
      )}
      {single.length > 0 && (
        <Fold title={`${plural(single.length, 'test')} asked in one of them only`}>
          <Tests rows={single} />
        </Fold>
      )}
    </>
  )
}

function Tests({ rows }: { rows: Comparison['tests'] }) {
  return (
    <DataTable
      label="Tests of both runs"
      rows={rows}
      id={(test) => test.name}
      columns={[
        { key: 'name', head: 'Test', cell: (test) => <strong>{test.name}</strong> },
        {
          key: 'a',
          head: 'A',
          cell: (test) =>
            test.a ? (
              <Status state={test.a.verdict} />
            ) : (
              <span className="quiet" style={{ whiteSpace: 'nowrap' }}>
                not asked
              </span>
            ),
        },
        {
          key: 'b',
          head: 'B',
          cell: (test) =>
            test.b ? (
              <Status state={test.b.verdict} />
            ) : (
              <span className="quiet" style={{ whiteSpace: 'nowrap' }}>
                not asked
              </span>
            ),
        },
        {
          key: 'said',
          head: 'What it said',
          kind: 'below grow',
          cell: (test) => (
            <span
              className="soft"
              title={[test.a?.message, test.b?.message].filter(Boolean).join('\n')}
            >
              {test.b?.message ?? test.a?.message}
            </span>
          ),
        },
      ]}
    />
  )
}
