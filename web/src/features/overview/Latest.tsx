import { useInfiniteQuery } from '@tanstack/react-query'
import { history } from '@/api/queries'
import type { ProjectOverview } from '@/api/types'
import { plural } from '@/lib/numbers'
import { PRODUCTION } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { rowsOf } from '@/ui/More'
import { Section } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName } from '@/ui/RunName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'

const SHOWN = 5
const TONES: Record<string, 'ok' | 'busy' | 'warn'> = {
  publish: 'ok',
  promote: 'busy',
  rollback: 'warn',
}

/** What became visible lately, to everybody. */
export function Latest({ own }: { own: ProjectOverview }) {
  const found = useInfiniteQuery(history(own.project, PRODUCTION))
  const rows = rowsOf(found)
    .filter((commit) => commit.kind !== 'init')
    .slice(0, SHOWN)
  if (!rows.length) return null
  return (
    <Section
      title="Lately published"
      aside={
        <>
          in <RefName name={PRODUCTION} />
        </>
      }
    >
      <DataTable
        label="Lately published"
        rows={rows}
        id={(commit) => commit.commit}
        columns={[
          {
            key: 'kind',
            head: 'By',
            cell: (commit) => <Tag tone={TONES[commit.kind]}>{commit.kind}</Tag>,
          },
          { key: 'what', head: 'What', kind: 'below grow', cell: (commit) => commit.message },
          {
            key: 'tables',
            head: 'Tables',
            kind: 'wide',
            cell: (commit) => (
              <span className="soft" title={commit.tables.join(', ')}>
                {commit.tables.length > 0 && plural(commit.tables.length, 'table')}
              </span>
            ),
          },
          { key: 'who', head: 'Who', kind: 'wide', cell: (commit) => commit.author },
          {
            key: 'run',
            head: 'Run',
            kind: 'wide',
            cell: (commit) => (commit.run ? <RunName id={commit.run} /> : '–'),
          },
          {
            key: 'when',
            head: 'When',
            kind: 'num',
            cell: (commit) => <Time at={commit.created} />,
          },
        ]}
      />
    </Section>
  )
}
