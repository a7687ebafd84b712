import { Link } from '@tanstack/react-router'
import type { Pipeline } from '@/api/types'
import { count } from '@/lib/numbers'
import type { Search } from '@/lib/place'
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
      columns={[
        {
          key: 'state',
          head: 'Last',
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
          kind: 'below',
          cell: (step) => step.description && <span className="soft">{step.description}</span>,
        },
        {
          key: 'kind',
          head: 'Kind',
          kind: 'wide',
          cell: (step) => `${step.kind}, ${step.materialize}`,
        },
        { key: 'rows', head: 'Rows', kind: 'wide num', cell: (step) => count(step.last?.rows) },
        { key: 'tests', head: 'Tests', kind: 'wide num', cell: (step) => count(step.tests) },
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
