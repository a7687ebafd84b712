import { useInfiniteQuery } from '@tanstack/react-query'
import { alerts } from '@/api/queries'
import type { Alert } from '@/api/types'
import { useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { RunName } from '@/ui/RunName'
import { Status } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** What was late, missing or failed, and who was told. */
export function Alerts() {
  const project = useProject()
  const found = useInfiniteQuery(alerts(project, false))
  return (
    <More query={found} empty={<Empty title="Nothing was late, missing or failed." />}>
      {(rows) => (
        <DataTable
          label="Alerts"
          rows={rows}
          id={(alert) => alert.alert}
          columns={[
            {
              key: 'state',
              head: 'State',
              cell: (alert) => (
                <Status
                  state={alert.open ? alert.kind : 'ok'}
                  word={alert.open ? alert.kind : 'over'}
                />
              ),
            },
            {
              key: 'pipeline',
              head: 'Pipeline',
              cell: (alert) =>
                alert.run ? (
                  <RunName id={alert.run}>
                    <strong>{alert.pipeline}</strong>
                  </RunName>
                ) : (
                  <strong>{alert.pipeline}</strong>
                ),
            },
            {
              key: 'what',
              head: 'What',
              kind: 'below grow',
              cell: (alert) => (
                <span title={alert.message}>
                  {alert.message}
                  {alert.times > 1 && ` (${alert.times} times)`}
                </span>
              ),
            },
            { key: 'told', head: 'Told', kind: 'wide', cell: (alert) => <Told alert={alert} /> },
            {
              key: 'since',
              head: 'Since',
              kind: 'num',
              cell: (alert) => <Time at={alert.opened} />,
            },
          ]}
        />
      )}
    </More>
  )
}

function Told({ alert }: { alert: Alert }) {
  if (!alert.messages.length) {
    return (
      <span
        className="quiet"
        title="Whom to tell is written under alerts: in the pipeline's pipeline.yaml, or in galley.yaml"
      >
        nobody
      </span>
    )
  }
  const broken = alert.messages.find((message) => message.state === 'failed')
  return (
    <span title={broken?.error ?? undefined}>
      {broken ? (
        <Status state="failed" word={`${broken.to} not reached`} />
      ) : (
        [...new Set(alert.messages.map((message) => message.to))].join(', ')
      )}
    </span>
  )
}
