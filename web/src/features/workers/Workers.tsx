import { useInfiniteQuery } from '@tanstack/react-query'
import { workers } from '@/api/queries'
import type { Worker } from '@/api/types'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { Page } from '@/ui/Page'
import { Status, Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** Who is at work, with what, and when they were heard of. */
export function Workers() {
  const found = useInfiniteQuery({ ...workers(), refetchInterval: 5000 })
  return (
    <Page title="Workers" about="Engines decide and publish; workers run the steps">
      <More
        query={found}
        empty={
          <Empty title="Nobody is at work: runs wait." command="galley up">
            An engine with workers of its own; others join with `galley worker`.
          </Empty>
        }
      >
        {(rows) => <Rows rows={rows} />}
      </More>
    </Page>
  )
}

function Rows({ rows }: { rows: Worker[] }) {
  return (
    <DataTable
      label="Workers"
      rows={rows}
      id={(worker) => worker.session}
      columns={[
        {
          key: 'state',
          head: 'State',
          cell: (worker) =>
            worker.lost ? (
              <Status state="lost" />
            ) : worker.running ? (
              <Status state="running" word="at work" />
            ) : (
              <Status state="active" word="ready" />
            ),
        },
        { key: 'kind', head: 'Kind', cell: (worker) => worker.kind },
        {
          key: 'host',
          head: 'Host',
          kind: 'grow',
          cell: (worker) => (
            <span className="mono">
              {worker.host} <span className="quiet">pid {worker.pid}</span>
            </span>
          ),
        },
        {
          key: 'labels',
          head: 'Labels',
          kind: 'wide',
          cell: (worker) => worker.labels?.map((label) => <Tag key={label}>{label}</Tag>),
        },
        {
          key: 'slots',
          head: 'Steps',
          kind: 'num',
          cell: (worker) => (
            <span title="running of as many as it can run at once">
              {worker.running} of {worker.slots}
            </span>
          ),
        },
        { key: 'version', head: 'Version', kind: 'wide', cell: (worker) => worker.version },
        {
          key: 'since',
          head: 'Since',
          kind: 'wide num',
          cell: (worker) => <Time at={worker.started} />,
        },
        { key: 'beat', head: 'Heard', kind: 'num', cell: (worker) => <Time at={worker.beat} /> },
      ]}
    />
  )
}
