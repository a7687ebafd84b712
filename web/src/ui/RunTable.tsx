import type { RunRow } from '@/api/types'
import { isOpen } from '@/lib/status'
import { DataTable } from './DataTable'
import { RefName } from './RefName'
import { RunName } from './RunName'
import { Status } from './Status'
import { Steps } from './Steps'
import { Time, Took } from './Time'

/** Runs, one a line. */
export function RunTable({
  rows,
  pipeline = true,
  pick,
}: {
  rows: RunRow[]
  pipeline?: boolean
  pick?: { chosen: string[]; toggle: (run: string) => void }
}) {
  return (
    <DataTable
      label="Runs"
      rows={rows}
      id={(run) => run.run}
      mark={(run) => pick?.chosen.includes(run.run) ?? false}
      columns={[
        ...(pick
          ? [
              {
                key: 'pick',
                head: <span className="sr">Compare</span>,
                kind: 'wide' as const,
                cell: (run: RunRow) => (
                  <input
                    type="checkbox"
                    aria-label={`Compare run ${run.run}`}
                    checked={pick.chosen.includes(run.run)}
                    onChange={() => pick.toggle(run.run)}
                  />
                ),
              },
            ]
          : []),
        { key: 'state', head: 'State', cell: (run) => <Status state={run.state} /> },
        {
          key: 'run',
          head: 'Run',
          cell: (run) =>
            pipeline ? (
              <RunName id={run.run}>
                <strong title={run.pipeline.split(' ').join(', ')}>
                  {run.pipeline.split(' ').join(', ')}
                </strong>
              </RunName>
            ) : (
              <RunName id={run.run} />
            ),
        },
        { key: 'ref', head: 'Ref', kind: 'wide', cell: (run) => <RefName name={run.ref} /> },
        { key: 'steps', head: 'Steps', kind: 'wide', cell: (run) => <Steps counts={run.steps} /> },
        {
          key: 'why',
          head: 'What happened',
          kind: 'below grow',
          cell: (run) => <span title={run.message ?? undefined}>{said(run)}</span>,
        },
        {
          key: 'who',
          head: 'By',
          kind: 'wide',
          cell: (run) => <span className="soft">{run.actor}</span>,
        },
        {
          key: 'took',
          head: 'Took',
          kind: 'wide num',
          cell: (run) => (
            <Took seconds={run.seconds} start={run.created} open={isOpen(run.state)} />
          ),
        },
        { key: 'when', head: 'Started', kind: 'num', cell: (run) => <Time at={run.created} /> },
      ]}
    />
  )
}

function said(run: RunRow) {
  if (run.message) return run.message
  if (run.published) return <span className="soft">published{causes(run)}</span>
  if (isOpen(run.state)) return <span className="soft">under way{causes(run)}</span>
  return <span className="soft">nothing published{causes(run)}</span>
}

function causes(run: RunRow): string {
  return run.cause === 'manual' ? '' : `, ${run.cause}`
}
