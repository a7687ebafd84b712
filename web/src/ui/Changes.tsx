import type { TableChange } from '@/api/types'
import { bytes, change, count, plural } from '@/lib/numbers'
import css from './Changes.module.css'
import { DataTable } from './DataTable'
import { TableName } from './RunName'
import { Tag } from './Status'

const TONES: Record<string, 'ok' | 'bad' | 'busy'> = {
  added: 'ok',
  dropped: 'bad',
  changed: 'busy',
}

/** What differs between two states of the data, table by table. */
export function Changes({ changes }: { changes: TableChange[] }) {
  return (
    <DataTable
      label="Differences"
      rows={changes}
      id={(row) => row.table}
      columns={[
        { key: 'table', head: 'Table', cell: (row) => <TableName name={row.table} /> },
        {
          key: 'change',
          head: 'Change',
          cell: (row) => <Tag tone={TONES[row.change]}>{row.change}</Tag>,
        },
        {
          key: 'rows',
          head: 'Rows',
          kind: 'num',
          cell: (row) => <Pair before={count(row.rows_before)} after={count(row.rows_after)} />,
        },
        {
          key: 'by',
          head: 'By',
          kind: 'wide num',
          cell: (row) => change(row.rows_before, row.rows_after),
        },
        {
          key: 'bytes',
          head: 'Size',
          kind: 'wide num',
          cell: (row) => <Pair before={bytes(row.bytes_before)} after={bytes(row.bytes_after)} />,
        },
        { key: 'what', head: 'What', kind: 'below grow', cell: (row) => <What row={row} /> },
      ]}
    />
  )
}

function Pair({ before, after }: { before: string; after: string }) {
  if (before === after) return <>{after}</>
  return (
    <>
      <span className="quiet">{before} → </span>
      {after}
    </>
  )
}

function What({ row }: { row: TableChange }) {
  return (
    <span className={css.what}>
      {row.columns.map((column) => (
        <span key={column.name}>
          {column.name} {column.change}
          {column.before && column.after && ` ${column.before} → ${column.after}`}
        </span>
      ))}
      {row.intents.map((intent) => (
        <span
          key={`${intent.kind}${intent.windows[0]}`}
          className="soft"
          title={intent.windows.join('\n')}
        >
          {intent.kind}
          {intent.windows.length > 0 &&
            ` ${intent.windows.length > 1 ? plural(intent.windows.length, 'window') : intent.windows[0]}`}
        </span>
      ))}
    </span>
  )
}
