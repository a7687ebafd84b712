import { Link } from '@tanstack/react-router'
import type { Pipeline } from '@/api/types'
import { count } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { gravity } from '@/lib/status'
import { duration } from '@/lib/time'
import { DataTable } from '@/ui/DataTable'
import { Status } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** The steps as the files define them, each with what it did last. */
export function Steps({ line }: { line: Pipeline }) {
  return (
    <DataTable
      label="Steps"
      rows={line.steps}
      id={(step) => step.name}
      sorts
      columns={[
        {
          key: 'state',
          head: 'Last',
          by: (step) => gravity(step.last?.state),
          cell: (step) =>
            step.last ? (
              <Status state={step.last.state} />
            ) : (
              <span className="quiet">not yet run</span>
            ),
        },
        {
          key: 'name',
          head: 'Step',
          by: (step) => step.name,
          cell: (step) => (
            <Link
              to="."
              search={(before: Search) => ({ ...before, tab: undefined, step: step.name })}
            >
              <strong>{step.name}</strong>
            </Link>
          ),
        },
        {
          key: 'about',
          head: 'About',
          kind: 'below grow',
          cell: (step) => step.description && <span className="soft">{step.description}</span>,
        },
        {
          key: 'kind',
          head: 'Kind',
          kind: 'wide',
          cell: (step) => `${step.kind}, ${step.materialize}`,
        },
        {
          key: 'rows',
          head: 'Rows',
          kind: 'wide num',
          by: (step) => step.last?.rows,
          cell: (step) => count(step.last?.rows),
        },
        {
          key: 'took',
          head: 'Computed in',
          kind: 'wide num',
          by: (step) => step.last?.seconds,
          cell: (step) => duration(step.last?.seconds),
        },
        {
          key: 'tests',
          head: 'Tests',
          kind: 'wide num',
          by: (step) => step.tests,
          cell: (step) => count(step.tests),
        },
        {
          key: 'when',
          head: 'When',
          kind: 'num',
          cell: (step) => <Time at={step.last?.finished} />,
        },
      ]}
    />
  )
}
