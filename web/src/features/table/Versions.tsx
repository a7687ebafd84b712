import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { tableDiff, versions } from '@/api/queries'
import type { TableVersion } from '@/api/types'
import { bytes, change, count, plural, short } from '@/lib/numbers'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { Changes } from '@/ui/Changes'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { More } from '@/ui/More'
import { Section } from '@/ui/Page'
import { RunName } from '@/ui/RunName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'

/** Every commit that changed the table, the newest first; any of them can be looked at again. */
export function Versions({ name }: { name: string }) {
  const project = useProject()
  const ref = usePlace()
  const found = useInfiniteQuery(versions(project, name, ref))
  const from = useWish('from')
  const upto = useWish('upto')
  return (
    <>
      {from && upto && <Difference name={name} from={from} upto={upto} />}
      <More query={found} empty={<Empty title="No version yet." />}>
        {(rows) => <Rows rows={rows} />}
      </More>
    </>
  )
}

function Rows({ rows }: { rows: TableVersion[] }) {
  const at = useWish('at')
  const before = (row: TableVersion) => rows[rows.indexOf(row) + 1]
  return (
    <DataTable
      label="Versions"
      rows={rows}
      id={(row) => row.commit}
      mark={(row) => row.commit === at}
      columns={[
        { key: 'when', head: 'When', cell: (row) => <Time at={row.created} /> },
        {
          key: 'kind',
          head: 'By',
          cell: (row) => <Tag tone={row.kind === 'rollback' ? 'warn' : 'idle'}>{row.kind}</Tag>,
        },
        {
          key: 'message',
          head: 'What',
          kind: 'below grow',
          cell: (row) => <span title={row.message}>{row.message}</span>,
        },
        {
          key: 'rows',
          head: 'Rows',
          kind: 'num',
          cell: (row) => (row.dropped ? 'dropped' : count(row.rows)),
        },
        {
          key: 'by',
          head: 'Change',
          kind: 'wide num',
          cell: (row) => <span className="soft">{change(before(row)?.rows, row.rows)}</span>,
        },
        { key: 'size', head: 'Size', kind: 'wide num', cell: (row) => bytes(row.bytes) },
        {
          key: 'windows',
          head: 'Windows',
          kind: 'wide',
          cell: (row) => (
            <span className="soft" title={row.windows.join('\n')}>
              {row.windows.length > 1 ? plural(row.windows.length, 'window') : row.windows[0]}
            </span>
          ),
        },
        {
          key: 'run',
          head: 'Run',
          kind: 'wide',
          cell: (row) => (row.run ? <RunName id={row.run} /> : '–'),
        },
        {
          key: 'see',
          head: <span className="sr">Look</span>,
          cell: (row) => (
            <span style={{ display: 'inline-flex', gap: 12, whiteSpace: 'nowrap' }}>
              {!row.dropped && (
                <Link
                  to="."
                  search={(search: Search) => ({ ...search, at: row.commit, tab: undefined })}
                >
                  See it then
                </Link>
              )}
              {before(row) && (
                <Link
                  className="wide"
                  to="."
                  search={(search: Search) => ({
                    ...search,
                    from: before(row)?.commit,
                    upto: row.commit,
                  })}
                >
                  Difference
                </Link>
              )}
            </span>
          ),
        },
      ]}
    />
  )
}

function Difference({ name, from, upto }: { name: string; from: string; upto: string }) {
  const project = useProject()
  const ref = usePlace()
  const found = useQuery(tableDiff(project, name, `${ref}@${from}`, `${ref}@${upto}`))
  return (
    <Section
      title={
        <>
          From <span className="mono">{short(from)}</span> to{' '}
          <span className="mono">{short(upto)}</span>
        </>
      }
      aside={
        <Link to="." search={(search: Search) => ({ ...search, from: undefined, upto: undefined })}>
          Close
        </Link>
      }
    >
      <Load query={found} lines={2}>
        {(diff) =>
          diff.tables.length ? (
            <Changes changes={diff.tables} />
          ) : (
            <p className="soft">Nothing differs between the two.</p>
          )
        }
      </Load>
    </Section>
  )
}
