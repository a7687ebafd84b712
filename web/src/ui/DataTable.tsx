import type { ReactNode } from 'react'
import css from './DataTable.module.css'

export interface ColumnOf<T> {
  key: string
  head: ReactNode
  cell: (row: T) => ReactNode
  /** `num` is right-aligned; `wide` is left out on a phone; `grow` takes what room there is. */
  kind?: 'num' | 'wide' | 'wide num' | 'grow' | 'wide grow'
}

/** Rows under a head that stays in view; on a phone the columns marked wide are left out. */
export function DataTable<T>({
  columns,
  rows,
  id,
  label,
  mark,
}: {
  columns: ColumnOf<T>[]
  rows: T[]
  id: (row: T) => string
  label: string
  mark?: (row: T) => boolean
}) {
  return (
    <div className={css.frame}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={nameOf(column.kind)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} data-marked={mark?.(row) || undefined}>
              {columns.map((column) => (
                <td key={column.key} className={nameOf(column.kind)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function nameOf(kind: string | undefined): string | undefined {
  if (!kind) return undefined
  return kind
    .split(' ')
    .map((part) => (part === 'grow' ? css.grow : part))
    .join(' ')
}
