import { useInfiniteQuery } from '@tanstack/react-query'
import { projectVersions } from '@/api/queries'
import type { Version } from '@/api/types'
import { count, plural, short } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { More } from '@/ui/More'
import { RefName } from '@/ui/RefName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** The versions of the code that were deployed or promoted, and where each is at work. */
export function ProjectVersions() {
  const found = useInfiniteQuery(projectVersions(useProject()))
  return (
    <More
      query={found}
      empty={
        <Empty title="No version was deployed or promoted yet." command="galley deploy">
          A version is the project's files as they were; only a promotion puts it to work.
        </Empty>
      }
    >
      {(rows) => <Rows rows={rows} />}
    </More>
  )
}

function Rows({ rows }: { rows: Version[] }) {
  return (
    <DataTable
      label="Versions of the project"
      rows={rows}
      id={(version) => version.version}
      columns={[
        {
          key: 'version',
          head: 'Version',
          cell: (version) => (
            <strong className="mono" title={version.version}>
              {version.short}
            </strong>
          ),
        },
        {
          key: 'where',
          head: 'At work in',
          cell: (version) => <Places version={version} />,
        },
        {
          key: 'message',
          head: 'What',
          kind: 'below grow',
          cell: (version) =>
            version.message && <span title={version.message}>{version.message}</span>,
        },
        { key: 'git', head: 'Git', kind: 'wide', cell: (version) => <Git version={version} /> },
        {
          key: 'steps',
          head: 'Steps',
          kind: 'wide num',
          cell: (version) => (
            <span title={plural(version.files, 'file')}>{count(version.steps)}</span>
          ),
        },
        { key: 'who', head: 'By', kind: 'wide', cell: (version) => version.actor },
        {
          key: 'when',
          head: 'When',
          kind: 'num',
          cell: (version) => <Time at={version.created} />,
        },
      ]}
    />
  )
}

function Places({ version }: { version: Version }) {
  const places = [...version.active_in, ...version.deployed_in]
  if (!places.length) return <span className="quiet">nowhere now</span>
  return (
    <span style={{ display: 'inline-flex', gap: 10 }}>
      {places.map((name) => (
        <RefName key={name} name={name} />
      ))}
    </span>
  )
}

function Git({ version }: { version: Version }) {
  if (!version.git_commit) return <span className="quiet">–</span>
  return (
    <span style={{ display: 'inline-flex', gap: 6 }}>
      <span className="mono">{short(version.git_commit)}</span>
      {version.dirty && <Tag tone="warn">with changes</Tag>}
    </span>
  )
}
