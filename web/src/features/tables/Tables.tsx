import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { tables, verdicts as verdictsQuery } from '@/api/queries'
import type { Table } from '@/api/types'
import { bytes, count, plural } from '@/lib/numbers'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { rank } from '@/lib/search'
import { gravity, wordOf, worst } from '@/lib/status'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { input } from '@/ui/Field'
import { More } from '@/ui/More'
import { Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName, TableName } from '@/ui/RunName'
import { Status, Tag } from '@/ui/Status'

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
        {(rows) => <Rows rows={matching(rows, wish)} whole={!found.hasNextPage} />}
      </More>
    </Page>
  )
}

function matching(rows: Table[], wish: string): Table[] {
  return rank(rows, wish, (table) =>
    [table.name, ...(wish ? table.columns.map((column) => column.name) : [])].join(' '),
  )
}

function Rows({ rows, whole }: { rows: Table[]; whole: boolean }) {
  const said = useVerdicts()
  if (!rows.length) return <Empty title="No table and no column is called that." />
  return (
    <DataTable
      label="Tables"
      rows={rows}
      id={(table) => table.name}
      sorts={whole}
      columns={[
        {
          key: 'name',
          head: 'Table',
          by: (table) => table.name,
          cell: (table) => (
            <strong>
              <TableName name={table.name} />
            </strong>
          ),
        },
        {
          key: 'rows',
          head: 'Rows',
          kind: 'num',
          by: (table) => table.rows,
          cell: (table) => count(table.rows),
        },
        {
          key: 'size',
          head: 'Size',
          kind: 'num',
          by: (table) => table.bytes,
          cell: (table) => bytes(table.bytes),
        },
        {
          key: 'tests',
          head: 'Tests',
          by: (table) => gravity(said.get(table.name)?.verdict),
          cell: (table) => <Tests name={table.name} said={said.get(table.name)} />,
        },
        {
          key: 'columns',
          head: 'Columns',
          kind: 'wide grow',
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

interface Said {
  verdict: string
  number: number
}

/** For each table the worst that its tests said last, and how many said so. */
function useVerdicts(): Map<string, Said> {
  const found = useQuery(verdictsQuery(useProject(), usePlace()))
  return useMemo(() => {
    const all = new Map<string, string[]>()
    for (const { table, last } of found.data ?? []) {
      if (last) all.set(table, [...(all.get(table) ?? []), last.verdict])
    }
    return new Map(
      [...all].map(([table, verdicts]) => {
        const verdict = worst(verdicts) ?? ''
        return [table, { verdict, number: verdicts.filter((one) => one === verdict).length }]
      }),
    )
  }, [found.data])
}

function Tests({ name, said }: { name: string; said: Said | undefined }) {
  if (!said) return <span className="quiet">–</span>
  return (
    <TableName
      name={name}
      tab="tests"
      word={<Status state={said.verdict} word={`${said.number} ${wordOf(said.verdict)}`} />}
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
