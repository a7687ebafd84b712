import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { tables } from '@/api/queries'
import type { Table } from '@/api/types'
import { bytes, count, plural } from '@/lib/numbers'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { rank } from '@/lib/search'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { input } from '@/ui/Field'
import { More } from '@/ui/More'
import { Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName, TableName } from '@/ui/RunName'
import { Tag } from '@/ui/Status'

/** Every table at the chosen ref, with its marks. */
export function Tables() {
  const project = useProject()
  const ref = usePlace()
  const wish = useWish('find') ?? ''
  const navigate = useNavigate()
  const found = useInfiniteQuery(tables(project, ref))
  return (
    <Page
      title="Tables"
      about={
        <span>
          as <RefName name={ref} /> shows them
        </span>
      }
      actions={
        <input
          className={input}
          type="search"
          placeholder="Find a table or column"
          aria-label="Find a table or column"
          value={wish}
          onChange={(event) =>
            navigate({
              to: '.',
              search: (before: Search) => ({ ...before, find: event.target.value || undefined }),
              replace: true,
            })
          }
        />
      }
    >
      <More
        query={found}
        empty={
          <Empty title={`${ref} has no tables yet.`} command={`galley run --in ${ref}`}>
            A run makes them; a promotion brings them from a kitchen. Another ref is chosen at the
            top.
          </Empty>
        }
      >
        {(rows) => <Rows rows={matching(rows, wish)} />}
      </More>
    </Page>
  )
}

function matching(rows: Table[], wish: string): Table[] {
  return rank(rows, wish, (table) =>
    [table.name, ...(wish ? table.columns.map((column) => column.name) : [])].join(' '),
  )
}

function Rows({ rows }: { rows: Table[] }) {
  if (!rows.length) return <Empty title="No table and no column is called that." />
  return (
    <DataTable
      label="Tables"
      rows={rows}
      id={(table) => table.name}
      columns={[
        {
          key: 'name',
          head: 'Table',
          cell: (table) => (
            <strong>
              <TableName name={table.name} />
            </strong>
          ),
        },
        { key: 'rows', head: 'Rows', kind: 'num', cell: (table) => count(table.rows) },
        { key: 'bytes', head: 'Size', kind: 'num', cell: (table) => bytes(table.bytes) },
        {
          key: 'columns',
          head: 'Columns',
          kind: 'below',
          cell: (table) => (
            <span className="quiet" title={plural(table.columns.length, 'column')}>
              {table.columns.map((column) => column.name).join(', ')}
            </span>
          ),
        },
        { key: 'marks', head: 'Marks', kind: 'wide', cell: (table) => <Marks table={table} /> },
        {
          key: 'kind',
          head: 'Kind',
          kind: 'wide',
          cell: (table) => (
            <span className="soft">{table.format === 'iceberg' ? 'table' : table.format}</span>
          ),
        },
        {
          key: 'run',
          head: 'Made by',
          kind: 'wide',
          cell: (table) => (table.run ? <RunName id={table.run} /> : '–'),
        },
      ]}
    />
  )
}

function Marks({ table }: { table: Table }) {
  return (
    <span style={{ display: 'inline-flex', gap: 4 }}>
      {table.untested && <Tag tone="warn">untested</Tag>}
      {table.stale.length > 0 && (
        <Tag tone="warn" title={`${table.stale.join(', ')} changed since`}>
          stale
        </Tag>
      )}
      {table.overrides.map((one) => (
        <Tag key={one.test} tone="warn" title={`${one.by}: ${one.reason}`}>
          published over {one.test}
        </Tag>
      ))}
    </span>
  )
}
