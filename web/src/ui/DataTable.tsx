import { Fragment, type ReactNode } from 'react'
import { useNarrow } from '@/lib/hooks'
import css from './DataTable.module.css'

export interface ColumnOf<T> {
  key: string
  head: ReactNode
  cell: (row: T) => ReactNode
  /**
   * `num` is right-aligned; `wide` is left out on a phone; `grow` takes what room there is;
   * `below` does so too, and stands under its row on a phone, where it can be read.
   */
  kind?: 'num' | 'wide' | 'wide num' | 'grow' | 'wide grow' | 'below'
}

/** Rows under a head that stays in view. */
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
  const narrow = useNarrow()
  const beside = narrow ? columns.filter((column) => column.kind !== 'below') : columns
  const below = narrow ? columns.filter((column) => column.kind === 'below') : []
  return (
    <div className={css.frame}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {beside.map((column) => (
              <th key={column.key} scope="col" className={nameOf(column.kind)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Fragment key={id(row)}>
              <tr data-marked={mark?.(row) || undefined}>
                {beside.map((column) => (
                  <td key={column.key} className={nameOf(column.kind)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
              {below.map((column) => (
                <Below key={column.key} span={beside.length} marked={mark?.(row)}>
                  {column.cell(row)}
                </Below>
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Below(props: { span: number; marked?: boolean; children: ReactNode }) {
  if (props.children == null || props.children === '' || props.children === false) return null
  return (
    <tr className={css.below} data-marked={props.marked || undefined}>
      <td colSpan={props.span}>{props.children}</td>
    </tr>
  )
}

function nameOf(kind: string | undefined): string | undefined {
  if (!kind) return undefined
  return kind
    .split(' ')
    .map((part) => (part === 'grow' || part === 'below' ? css.grow : part))
    .join(' ')
}
