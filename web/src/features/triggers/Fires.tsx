import { useInfiniteQuery } from '@tanstack/react-query'
import { fires } from '@/api/queries'
import type { Fire } from '@/api/types'
import { useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { RunName } from '@/ui/RunName'
import { Status } from '@/ui/Status'
import { Time } from '@/ui/Time'

const STATES: Record<Fire['outcome'], string> = {
  run: 'succeeded',
  skipped: 'skipped',
  held: 'paused',
  refused: 'failed',
  missed: 'missing',
}

/** What has fired, and what became of it. */
export function Fires() {
  const project = useProject()
  const found = useInfiniteQuery(fires(project))
  return (
    <More
      query={found}
      empty={
        <Empty title="Nothing has fired yet." command="galley triggers next">
          Triggers fire while a server is up; what each fire became, and why not, will stand here.
        </Empty>
      }
    >
      {(rows) => (
        <DataTable
          label="What fired"
          rows={rows}
          id={(fire) => fire.fire}
          columns={[
            { key: 'when', head: 'For', cell: (fire) => <Time at={fire.at} /> },
            { key: 'name', head: 'Trigger', cell: (fire) => <strong>{fire.trigger}</strong> },
            {
              key: 'outcome',
              head: 'Became',
              cell: (fire) =>
                fire.run ? (
                  <RunName id={fire.run}>
                    <Status state={fire.run_state ?? 'queued'} />
                  </RunName>
                ) : (
                  <Status state={STATES[fire.outcome]} word={fire.outcome} />
                ),
            },
            {
              key: 'why',
              head: 'Why',
              kind: 'below grow',
              cell: (fire) => (
                <span className="soft">
                  {fire.reason}
                  {fire.times > 1 && ` (${fire.times} times)`}
                </span>
              ),
            },
            { key: 'in', head: 'In', kind: 'wide', cell: (fire) => fire.in },
            { key: 'by', head: 'By', kind: 'wide', cell: (fire) => fire.actor },
          ]}
        />
      )}
    </More>
  )
}
