import { useQuery } from '@tanstack/react-query'
import { measured } from '@/api/queries'
import type { TableDetails } from '@/api/types'
import { Histogram } from '@/charts/Histogram'
import { byColumn } from '@/lib/measured'
import { DataTable } from '@/ui/DataTable'
import { Measure } from '@/ui/Measure'

/** The columns: type, meaning, and how the values of this version lie, as its run measured them. */
export function Schema({ table }: { table: TableDetails }) {
  const found = useQuery({
    ...measured(table.run ?? '', { table: table.name }),
    enabled: table.run != null,
  })
  const measures = byColumn(found.data ?? [])
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
          cell: (column) => (
            <Histogram text={measures.get(column.name)?.get('histogram')?.text ?? null} />
          ),
        },
        {
          key: 'nulls',
          head: 'Nulls',
          kind: 'num',
          cell: (column) => <Measure of={measures.get(column.name)} name="nulls" />,
        },
        {
          key: 'distinct',
          head: 'Distinct',
          kind: 'num',
          cell: (column) => <Measure of={measures.get(column.name)} name="distinct" />,
        },
        {
          key: 'min',
          head: 'Least',
          kind: 'wide num',
          cell: (column) => <Measure of={measures.get(column.name)} name="min" />,
        },
        {
          key: 'max',
          head: 'Most',
          kind: 'wide num',
          cell: (column) => <Measure of={measures.get(column.name)} name="max" />,
        },
        {
          key: 'meaning',
          head: described ? 'Meaning' : <span className="sr">Meaning</span>,
          kind: 'grow',
          cell: (column) => table.described[column.name] ?? '',
        },
      ]}
    />
  )
}
