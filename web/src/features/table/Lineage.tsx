import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { lineage } from '@/api/queries'
import type { TableNode } from '@/api/types'
import { Graph } from '@/graph/Graph'
import { bytes, count } from '@/lib/numbers'
import { type Search, useProject } from '@/lib/place'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'

/** What the table is made from, at the left, and what is made from it, at the right. */
export function Lineage({ name, place }: { name: string; place: string }) {
  const project = useProject()
  const navigate = useNavigate()
  const found = useQuery(lineage(project, name, place))
  return (
    <Load query={found}>
      {(line) =>
        line.tables.length > 1 ? (
          <Graph
            label={`Lineage of ${name}`}
            kind="table"
            nodes={line.tables.map((table) => ({
              id: table.name,
              state: table.untested ? 'untested' : null,
              note: noteOf(table),
            }))}
            edges={line.edges}
            chosen={line.table}
            choose={(table) =>
              table &&
              navigate({
                to: '/p/$project/tables/$table',
                params: { project, table },
                search: (before: Search) => ({ ref: before.ref, tab: 'lineage' }),
              })
            }
          />
        ) : (
          <Empty title="No step reads or makes this table." />
        )
      }
    </Load>
  )
}

function noteOf(table: TableNode): string {
  if (!table.content_id) return 'not there'
  if (table.rows != null) return `${count(table.rows)} rows`
  return table.bytes == null ? 'view' : bytes(table.bytes)
}
