import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { measured } from '@/api/queries'
import type { Run, RunMetric } from '@/api/types'
import { Histogram } from '@/charts/Histogram'
import { byColumn, byTable } from '@/lib/measured'
import { bytes, count } from '@/lib/numbers'
import { type Search, useWish } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { Measure } from '@/ui/Measure'
import { Section } from '@/ui/Page'
import { TableName } from '@/ui/RunName'

/** What the run measured of what it made, without being asked to; one table by its columns. */
export function Metrics({ run }: { run: Run }) {
  const rows = useQuery(measured(run.run, { name: 'rows' }))
  const size = byTable(useQuery(measured(run.run, { name: 'bytes' })).data ?? [])
  return (
    <Load query={rows}>{(items) => <Tables run={run} rows={byTable(items)} size={size} />}</Load>
  )
}

type Numbers = Map<string, number | null>

function Tables({ run, rows, size }: { run: Run; rows: Numbers; size: Numbers }) {
  const wish = useWish('table')
  const names = [...rows.keys()].sort()
  const chosen = wish && rows.has(wish) ? wish : names[0]
  if (!chosen) {
    return (
      <Empty title="This run measured nothing.">
        Every table that a run makes is measured; of what it reuses the run that made it knows.
      </Empty>
    )
  }
  return (
    <>
      <DataTable
        label="Measured tables"
        rows={names}
        id={(name) => name}
        mark={(name) => name === chosen}
        columns={[
          {
            key: 'name',
            head: 'Table',
            cell: (name) => (
              <Link
                to="."
                search={(before: Search) => ({ ...before, table: name })}
                replace
                resetScroll={false}
                aria-current={name === chosen || undefined}
              >
                <strong>{name}</strong>
              </Link>
            ),
          },
          { key: 'rows', head: 'Rows', kind: 'num', cell: (name) => count(rows.get(name)) },
          { key: 'size', head: 'Size', kind: 'num', cell: (name) => bytes(size.get(name)) },
          {
            key: 'over',
            head: <span className="sr">Over time</span>,
            kind: 'grow',
            cell: (name) => <TableName name={name} tab="metrics" word="over time" />,
          },
        ]}
      />
      <Section title={`Columns of ${chosen}`}>
        <OneTable run={run.run} table={chosen} />
      </Section>
    </>
  )
}

function OneTable({ run, table }: { run: string; table: string }) {
  const found = useQuery(measured(run, { table }))
  return <Load query={found}>{(items) => <Columns items={items} />}</Load>
}

function Columns({ items }: { items: RunMetric[] }) {
  const measures = byColumn(items)
  const columns = [...measures.keys()].filter(Boolean)
  const number = (name: string, head: string, wide = true) => ({
    key: name,
    head,
    kind: wide ? ('wide num' as const) : ('num' as const),
    by: (column: string) => measures.get(column)?.get(name)?.value,
    cell: (column: string) => <Measure of={measures.get(column)} name={name} />,
  })
  return (
    <DataTable
      label="Measured columns"
      rows={columns}
      id={(column) => column}
      sorts
      columns={[
        { key: 'name', head: 'Column', kind: 'grow', cell: (column) => <strong>{column}</strong> },
        {
          key: 'shape',
          head: 'Values',
          kind: 'wide',
          cell: (column) => (
            <Histogram text={measures.get(column)?.get('histogram')?.text ?? null} />
          ),
        },
        number('nulls', 'Nulls', false),
        number('distinct', 'Distinct', false),
        number('mean', 'Mean'),
        number('sd', 'Deviation'),
        number('min', 'Least'),
        number('max', 'Most'),
      ]}
    />
  )
}
