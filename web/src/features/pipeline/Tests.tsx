import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { tests as testsQuery } from '@/api/queries'
import type { Pipeline, Test } from '@/api/types'
import { useProject } from '@/lib/place'
import { gravity } from '@/lib/status'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { TableName } from '@/ui/RunName'
import { Status } from '@/ui/Status'

type Definition = Pipeline['tests'][number]

const keyOf = (test: Definition) => `${test.step}.${test.table}.${test.name}`

/** The tests of a pipeline with what each said last, the worst first; a verdict leads to its proof. */
export function Tests({ line }: { line: Pipeline }) {
  const project = useProject()
  const found = useQuery(testsQuery(project, line.ref)).data ?? []
  const last = new Map(found.map((test) => [keyOf(test), test.last]))
  if (!line.tests.length)
    return <Empty title="It has no test: what it publishes is marked untested." />
  const grave = (test: Definition) => gravity(last.get(keyOf(test))?.verdict)
  const rows = [...line.tests].sort((one, other) => grave(other) - grave(one))
  return (
    <DataTable
      label="Tests"
      rows={rows}
      id={keyOf}
      columns={[
        {
          key: 'last',
          head: 'Last',
          cell: (test) => <Last name={keyOf(test)} last={last.get(keyOf(test))} />,
        },
        { key: 'name', head: 'Test', cell: (test) => <strong>{test.name}</strong> },
        { key: 'table', head: 'Table', cell: (test) => <TableName name={test.table} /> },
        { key: 'type', head: 'Type', kind: 'wide', cell: typeOf },
        {
          key: 'hard',
          head: 'Severity',
          kind: 'wide',
          cell: (test) => `${test.severity}${test.blocking ? ', blocking' : ''}`,
        },
        {
          key: 'where',
          head: 'Written in',
          kind: 'wide grow',
          cell: (test) => <span className="mono soft">{test.where}</span>,
        },
      ]}
    />
  )
}

/** What it asks, and when, where that is not once its table is made. */
function typeOf(test: Definition): string {
  const type = test.type.replaceAll('_', ' ')
  return test.stage === 'output' ? type : `${type}, ${test.stage}`
}

function Last({ name, last }: { name: string; last: Test['last'] | undefined }) {
  const project = useProject()
  if (!last) return <span className="quiet">not asked yet</span>
  return (
    <Link
      to="/p/$project/runs/$run"
      params={{ project, run: last.run }}
      search={{ tab: 'tests', test: name }}
      title={last.message ?? undefined}
    >
      <Status state={last.verdict} />
    </Link>
  )
}
