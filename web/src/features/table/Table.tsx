import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { History } from 'lucide-react'
import { table as tableQuery } from '@/api/queries'
import type { TableDetails } from '@/api/types'
import { bytes, count, plural, short } from '@/lib/numbers'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { worst } from '@/lib/status'
import { LoadPage } from '@/ui/Load'
import { Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName, TableName } from '@/ui/RunName'
import { Badge, Tag } from '@/ui/Status'
import { Tabs } from '@/ui/Tabs'
import { Time } from '@/ui/Time'
import { Lineage } from './Lineage'
import { Metrics } from './Metrics'
import { Sample } from './Sample'
import { Schema } from './Schema'
import css from './Table.module.css'
import { TableTests } from './TableTests'
import { Versions } from './Versions'

/** One table at the chosen ref, now or as it was at a commit (`?at=`). */
export function Table() {
  const project = useProject()
  const ref = usePlace()
  const at = useWish('at')
  const name = useParams({ strict: false }).table ?? ''
  const place = at ? `${ref}@${at}` : ref
  const found = useQuery(tableQuery(project, name, place))
  return (
    <>
      {at && <Then name={name} at={at} />}
      <LoadPage
        query={found}
        title={name}
        ways={{
          near: (other) => <TableName name={other} />,
          all: (
            <Link to="/p/$project/tables" params={{ project }}>
              All tables
            </Link>
          ),
        }}
      >
        {(table) => <Shown table={table} place={place} />}
      </LoadPage>
    </>
  )
}

function Then({ name, at }: { name: string; at: string }) {
  return (
    <p className={css.then} role="status">
      <History aria-hidden />
      <span>
        {name} as it was at commit <span className="mono">{short(at)}</span>
      </span>
      <Link to="." search={(before: Search) => ({ ...before, at: undefined })}>
        Back to the present
      </Link>
    </p>
  )
}

function Shown({ table, place }: { table: TableDetails; place: string }) {
  const tab = useWish('tab') ?? 'rows'
  const verdict = worst(table.tests.flatMap((test) => (test.last ? [test.last.verdict] : [])))
  return (
    <Page
      title={table.name}
      head={
        <>
          {table.name}
          {verdict && (
            <Badge
              state={verdict}
              title="What each test of this table said last in this ref; what failed was not published"
              word={`last tests ${verdict === 'pass' ? 'passed' : verdict === 'warn' ? 'warned' : 'failed'}`}
            />
          )}
          {table.untested && <Tag tone="warn">untested</Tag>}
          {table.stale.length > 0 && (
            <Tag tone="warn" title={`${table.stale.join(', ')} changed since`}>
              stale
            </Tag>
          )}
        </>
      }
      about={
        <>
          <RefName name={table.ref} />
          {table.rows != null && <span>{plural(table.rows, 'row')}</span>}
          {table.bytes != null && <span>{bytes(table.bytes)}</span>}
          {table.format !== 'iceberg' && <span>{table.format}</span>}
          <span>{plural(table.columns.length, 'column')}</span>
          {table.changed && (
            <span>
              changed <Time at={table.changed.created} />
            </span>
          )}
          {table.run && (
            <span>
              by step {table.step} of run <RunName id={table.run} />
            </span>
          )}
          {table.owner && <span>owner {table.owner}</span>}
        </>
      }
    >
      {table.description && <p className={css.description}>{table.description}</p>}
      <Tabs
        current={tab}
        tabs={[
          { key: 'rows', name: 'Rows' },
          { key: 'schema', name: 'Schema', count: count(table.columns.length) },
          { key: 'versions', name: 'Versions' },
          { key: 'lineage', name: 'Lineage' },
          { key: 'metrics', name: 'Metrics' },
          { key: 'tests', name: 'Tests', count: count(table.tests.length) },
        ]}
      />
      {tab === 'rows' && <Sample name={table.name} place={place} rows={table.rows} />}
      {tab === 'schema' && <Schema table={table} />}
      {tab === 'versions' && <Versions name={table.name} />}
      {tab === 'lineage' && <Lineage name={table.name} place={place} />}
      {tab === 'metrics' && <Metrics table={table} />}
      {tab === 'tests' && <TableTests tests={table.tests} />}
    </Page>
  )
}
