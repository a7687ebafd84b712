import type { ProjectOverview } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { DataTable } from '@/ui/DataTable'
import { RefName } from '@/ui/RefName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** What every environment shows, since when. */
export function Places({ own }: { own: ProjectOverview }) {
  return (
    <DataTable
      label="Environments"
      rows={own.environments}
      id={(ref) => ref.ref}
      columns={[
        {
          key: 'name',
          head: 'Environment',
          cell: (ref) => (
            <strong>
              <RefName name={ref.ref} />
            </strong>
          ),
        },
        {
          key: 'head',
          head: 'Shows',
          cell: (ref) => <span className="mono">{short(ref.head)}</span>,
        },
        {
          key: 'held',
          head: <span className="sr">Held</span>,
          kind: 'wide grow',
          cell: (ref) =>
            ref.held.length > 0 && (
              <Tag tone="warn">{plural(ref.held.length, 'pipeline')} held</Tag>
            ),
        },
        { key: 'since', head: 'Since', kind: 'num', cell: (ref) => <Time at={ref.base_created} /> },
      ]}
    />
  )
}
