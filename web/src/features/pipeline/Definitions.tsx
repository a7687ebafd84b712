import { Link } from '@tanstack/react-router'
import type { Pipeline } from '@/api/types'
import { count } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { TableName } from '@/ui/RunName'
import { Status } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** What the files say: the steps, or the tests. */
export function Definitions({ line, kind }: { line: Pipeline; kind: 'steps' | 'tests' }) {
  return kind === 'steps' ? <Steps line={line} /> : <Tests line={line} />
}

function Steps({ line }: { line: Pipeline }) {
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
          kind: 'grow',
          cell: (step) => <span className="soft">{step.description}</span>,
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

function Tests({ line }: { line: Pipeline }) {
  if (!line.tests.length)
    return <Empty title="It has no test: what it publishes is marked untested." />
  return (
    <DataTable
      label="Tests"
      rows={line.tests}
      id={(test) => `${test.table}.${test.step}.${test.name}`}
      columns={[
        { key: 'name', head: 'Test', cell: (test) => <strong>{test.name}</strong> },
        { key: 'table', head: 'Table', cell: (test) => <TableName name={test.table} /> },
        { key: 'type', head: 'Type', kind: 'wide', cell: (test) => test.type.replaceAll('_', ' ') },
        {
          key: 'hard',
          head: 'Severity',
          kind: 'wide',
          cell: (test) => `${test.severity}${test.blocking ? ', blocking' : ''}`,
        },
        { key: 'stage', head: 'Stage', kind: 'wide', cell: (test) => test.stage },
        {
          key: 'where',
          head: 'Written in',
          kind: 'grow',
          cell: (test) => <span className="mono soft">{test.where}</span>,
        },
      ]}
    />
  )
}
