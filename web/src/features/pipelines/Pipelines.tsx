import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { pipelines } from '@/api/queries'
import type { PipelineRow } from '@/api/types'
import { count } from '@/lib/numbers'
import { usePlace, useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { Status, Tag } from '@/ui/Status'
import { Strip } from '@/ui/Strip'
import { Time } from '@/ui/Time'

/** Every pipeline with how it fared last. */
export function Pipelines() {
  const project = useProject()
  const ref = usePlace()
  const found = useInfiniteQuery(pipelines(project, ref))
  return (
    <Page
      title="Pipelines"
      about={
        <span>
          as <RefName name={ref} /> has them
        </span>
      }
    >
      <More
        query={found}
        empty={
          <Empty title={`${ref} has no pipelines yet.`} command="galley promote">
            A promotion brings code and data to an environment together.
          </Empty>
        }
      >
        {(rows) => <Rows rows={rows} />}
      </More>
    </Page>
  )
}

function Rows({ rows }: { rows: PipelineRow[] }) {
  const project = useProject()
  return (
    <DataTable
      label="Pipelines"
      rows={rows}
      id={(line) => line.name}
      columns={[
        {
          key: 'state',
          head: 'Last run',
          cell: (line) =>
            line.last_run ? (
              <Status state={line.last_run.state} />
            ) : (
              <span className="quiet">none yet</span>
            ),
        },
        {
          key: 'name',
          head: 'Pipeline',
          cell: (line) => (
            <Link to="/p/$project/pipelines/$pipeline" params={{ project, pipeline: line.name }}>
              <strong>{line.name}</strong>
            </Link>
          ),
        },
        {
          key: 'about',
          head: 'About',
          kind: 'below grow',
          cell: (line) => (
            <span className="soft" title={line.description ?? undefined}>
              {line.description}
            </span>
          ),
        },
        {
          key: 'held',
          head: <span className="sr">Held</span>,
          kind: 'wide',
          cell: (line) => line.held && <Tag tone="warn">held</Tag>,
        },
        { key: 'owner', head: 'Owner', kind: 'wide', cell: (line) => line.owner ?? '–' },
        {
          key: 'schedule',
          head: 'Runs by itself',
          kind: 'wide',
          cell: (line) => <span className="soft">{line.schedule ?? '–'}</span>,
        },
        { key: 'steps', head: 'Steps', kind: 'wide num', cell: (line) => count(line.steps) },
        { key: 'tests', head: 'Tests', kind: 'wide num', cell: (line) => count(line.tests) },
        {
          key: 'strip',
          head: 'Lately',
          kind: 'wide',
          cell: (line) => <Strip project={project} runs={line.history} />,
        },
        {
          key: 'when',
          head: 'Ran',
          kind: 'num',
          cell: (line) => <Time at={line.last_run?.created} />,
        },
      ]}
    />
  )
}
