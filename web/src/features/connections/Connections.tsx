import { useInfiniteQuery } from '@tanstack/react-query'
import { connections } from '@/api/queries'
import { usePlace, useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { Page } from '@/ui/Page'

/** What the project reaches outside: names and kinds; addresses and secrets are never shown. */
export function Connections() {
  const project = useProject()
  const found = useInfiniteQuery(connections(project, usePlace()))
  return (
    <Page title="Connections" about="Names and kinds only: addresses and secrets are never shown">
      <More
        query={found}
        empty={
          <Empty
            title="The project reaches no outside system."
            command="galley add postgres://host/database/table"
          >
            Connections are named in <code>galley.yaml</code>; steps ask for them by name.
          </Empty>
        }
      >
        {(rows) => (
          <DataTable
            label="Connections"
            rows={rows}
            id={(one) => one.name}
            columns={[
              { key: 'name', head: 'Name', cell: (one) => <strong>{one.name}</strong> },
              { key: 'kind', head: 'Kind', cell: (one) => one.kind },
              {
                key: 'steps',
                head: 'Used by',
                kind: 'grow',
                cell: (one) => one.steps.join(', ') || <span className="quiet">no step</span>,
              },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
