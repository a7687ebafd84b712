import { Link } from '@tanstack/react-router'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { Fragment, type ReactNode } from 'react'
import { useNarrow } from '@/lib/hooks'
import { type Key, nextOrder, ordered } from '@/lib/order'
import { type Search, useWish } from '@/lib/place'
import css from './DataTable.module.css'

export interface ColumnOf<T> {
  key: string
  head: ReactNode
  cell: (row: T) => ReactNode
  /** What rows are sorted by when its head is pressed, where the table can be sorted. */
  by?: (row: T) => Key
  /**
   * `num` is right-aligned; `wide` is left out on a phone; `grow` takes what room there is;
   * `below` stands under its row on a phone, where it can be read.
   */
  kind?: 'num' | 'wide' | 'wide num' | 'grow' | 'wide grow' | 'below' | 'below grow'
}

/** Rows under a head that stays in view. */
export function DataTable<T>({
  columns,
  rows,
  id,
  label,
  mark,
  sorts = false,
}: {
  columns: ColumnOf<T>[]
  rows: T[]
  id: (row: T) => string
  label: string
  mark?: (row: T) => boolean
  /** Its rows are all there are, so a press on a head may sort them; `?sort=` says how. */
  sorts?: boolean
}) {
  const narrow = useNarrow()
  const wish = useWish('sort')
  const by = sorts ? columns.find((column) => column.key === wish?.replace('-', ''))?.by : undefined
  const shown = by ? ordered(rows, by, Boolean(wish?.startsWith('-'))) : rows
  const beside = narrow ? columns.filter((column) => !column.kind?.startsWith('below')) : columns
  const below = narrow ? columns.filter((column) => column.kind?.startsWith('below')) : []
  return (
    <div className={css.frame}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {beside.map((column) => (
              <Head key={column.key} column={column} wish={sorts ? (wish ?? '') : null} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
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

/** The head of a column; `wish` is how the table is sorted, and null where it cannot be. */
function Head<T>({ column, wish }: { column: ColumnOf<T>; wish: string | null }) {
  const mine = wish?.replace('-', '') === column.key
  const down = wish?.startsWith('-')
  if (wish == null || !column.by) {
    return (
      <th scope="col" className={nameOf(column.kind)}>
        {column.head}
      </th>
    )
  }
  const Arrow = down ? ArrowDown : ArrowUp
  return (
    <th
      scope="col"
      className={nameOf(column.kind)}
      aria-sort={mine ? (down ? 'descending' : 'ascending') : undefined}
    >
      <Link
        to="."
        search={(before: Search) => ({
          ...before,
          sort: nextOrder(wish, column.key, Boolean(column.kind?.includes('num'))),
        })}
        replace
        resetScroll={false}
        className={css.sort}
        title="Sort by it"
      >
        {column.head}
        {mine && <Arrow aria-hidden />}
      </Link>
    </th>
  )
}

function Below(props: { span: number; marked?: boolean; children: ReactNode }) {
  const { children } = props
  if (!children || (Array.isArray(children) && !children.length)) return null
  return (
    <tr className={css.below} data-marked={props.marked || undefined}>
      <td colSpan={props.span}>{children}</td>
    </tr>
  )
}

function nameOf(kind: string | undefined): string | undefined {
  if (!kind) return undefined
  return kind
    .split(' ')
    .map((part) => (part === 'grow' ? css.grow : part))
    .join(' ')
}
