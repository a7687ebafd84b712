import { useQuery } from '@tanstack/react-query'
import { metrics } from '@/api/queries'
import type { Metric, TableDetails } from '@/api/types'
import { Histogram } from '@/charts/Histogram'
import { measure } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'

/** The columns: type, meaning, and how their values lay when last measured. */
export function Schema({ table }: { table: TableDetails }) {
  const project = useProject()
  const shapes = latest(useQuery(metrics(project, table.name, { name: 'histogram' })).data?.items)
  const nulls = latest(useQuery(metrics(project, table.name, { name: 'nulls' })).data?.items)
  const distinct = latest(useQuery(metrics(project, table.name, { name: 'distinct' })).data?.items)
  const described = Object.keys(table.described).length > 0
  return (
    <DataTable
      label="Columns"
      rows={table.columns}
      id={(column) => column.name}
      columns={[
        { key: 'name', head: 'Column', cell: (column) => <strong>{column.name}</strong> },
        {
          key: 'type',
          head: 'Type',
          cell: (column) => <code className="soft">{column.type}</code>,
        },
        {
          key: 'shape',
          head: 'Values',
          kind: 'wide',
          cell: (column) => <Histogram text={shapes.get(column.name)?.text ?? null} />,
        },
        {
          key: 'nulls',
          head: 'Nulls',
          kind: 'num',
          cell: (column) => measure(nulls.get(column.name)?.value),
        },
        {
          key: 'distinct',
          head: 'Distinct',
          kind: 'num',
          cell: (column) => {
            const found = distinct.get(column.name)
            return found
              ? `${found.estimated ? '≈ ' : ''}${measure(Math.round(found.value ?? 0))}`
              : '–'
          },
        },
        {
          key: 'meaning',
          head: described ? 'Meaning' : '',
          kind: 'grow',
          cell: (column) => table.described[column.name] ?? '',
        },
      ]}
    />
  )
}

/** The newest of each column; the server lists the newest first. */
function latest(items: Metric[] | undefined): Map<string, Metric> {
  const found = new Map<string, Metric>()
  for (const item of items ?? []) {
    if (item.column && !found.has(item.column)) found.set(item.column, item)
  }
  return found
}
