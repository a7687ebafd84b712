import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { alerts, nextFires, triggers } from '@/api/queries'
import type { Trigger } from '@/api/types'
import { firesOn } from '@/lib/fires'
import { useProject, useWish } from '@/lib/place'
import { exact } from '@/lib/time'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More, rowsOf } from '@/ui/More'
import { Page, Section } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName } from '@/ui/RunName'
import { Status } from '@/ui/Status'
import { Tabs } from '@/ui/Tabs'
import { Time } from '@/ui/Time'
import { Alerts } from './Alerts'
import { Fires } from './Fires'
import { Steer } from './Steer'

/** What fires next, what has fired, and whom that alarmed. */
export function Triggers() {
  const project = useProject()
  const tab = useWish('tab') ?? 'triggers'
  const open = rowsOf(useInfiniteQuery(alerts(project, true)))
  return (
    <Page title="Triggers">
      <Tabs
        current={tab}
        tabs={[
          { key: 'triggers', name: 'Triggers' },
          { key: 'fires', name: 'What fired' },
          { key: 'alerts', name: 'Alerts', count: open.length || undefined },
        ]}
      />
      {tab === 'triggers' && <Active />}
      {tab === 'fires' && <Fires />}
      {tab === 'alerts' && <Alerts />}
    </Page>
  )
}

function Active() {
  const project = useProject()
  const found = useInfiniteQuery(triggers(project))
  return (
    <>
      <Coming />
      <More
        query={found}
        empty={
          <Empty title="Nothing fires by itself here." command="galley promote">
            Triggers are written in a pipeline's <code>pipeline.yaml</code> (a time, a table, a
            file, another run, a webhook, a form) and become active when they are promoted to an
            environment.
          </Empty>
        }
      >
        {(rows) => <Rows rows={rows} />}
      </More>
    </>
  )
}

function Coming() {
  const project = useProject()
  const found = useQuery(nextFires(project))
  const items = found.data?.items ?? []
  if (!items.length) return null
  return (
    <Section title="Fires next">
      <DataTable
        label="Fires next"
        rows={items.slice(0, 5)}
        id={(item) => `${item.trigger} ${item.in} ${item.at}`}
        columns={[
          { key: 'at', head: 'When', cell: (item) => <Time at={item.at} /> },
          { key: 'exact', head: 'At', kind: 'wide', cell: (item) => exact(item.at) },
          { key: 'name', head: 'Trigger', cell: (item) => <Name of={item.trigger} /> },
          { key: 'in', head: 'In', kind: 'grow', cell: (item) => <RefName name={item.in} /> },
        ]}
      />
    </Section>
  )
}

function Rows({ rows }: { rows: Trigger[] }) {
  return (
    <Section title="Active">
      <DataTable
        label="Triggers"
        rows={rows}
        id={(one) => `${one.trigger} ${one.in}`}
        columns={[
          {
            key: 'state',
            head: 'State',
            cell: (one) =>
              one.problem ? (
                <Status state="error" word="cannot fire" title={one.problem} />
              ) : one.paused ? (
                <Status
                  state="paused"
                  title={one.paused_by ? `paused by ${one.paused_by}` : undefined}
                />
              ) : (
                <Status state="active" />
              ),
          },
          { key: 'name', head: 'Trigger', cell: (one) => <Name of={one.trigger} /> },
          { key: 'on', head: 'Fires on', kind: 'below grow', cell: (one) => <On trigger={one} /> },
          { key: 'in', head: 'In', kind: 'wide', cell: (one) => <RefName name={one.in} /> },
          { key: 'next', head: 'Next', kind: 'wide num', cell: (one) => <Time at={one.next} /> },
          {
            key: 'last',
            head: 'Last run',
            kind: 'wide',
            cell: (one) =>
              one.last_run ? (
                <RunName id={one.last_run}>
                  <Status state={one.last_state ?? 'queued'} />
                </RunName>
              ) : (
                '–'
              ),
          },
          {
            key: 'steer',
            head: <span className="sr">Steer</span>,
            kind: 'num',
            cell: (one) => <Steer trigger={one} />,
          },
        ]}
      />
    </Section>
  )
}

/** A trigger by its name, leading to the pipeline that it starts. */
function Name({ of }: { of: string }) {
  const project = useProject()
  const pipeline = of.slice(0, of.indexOf('.'))
  return (
    <Link to="/p/$project/pipelines/$pipeline" params={{ project, pipeline }}>
      <strong>{of}</strong>
    </Link>
  )
}

function On({ trigger }: { trigger: Trigger }) {
  return (
    <span title={trigger.description ?? undefined}>
      {trigger.problem ? (
        <span className="soft">{trigger.problem}</span>
      ) : (
        firesOn(trigger.kind, trigger.on as Record<string, unknown>)
      )}
    </span>
  )
}
