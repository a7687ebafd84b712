import type { Column, Row } from '@/api/types'
import { count, measure } from '@/lib/numbers'
import { isNumber } from '@/lib/types'
import css from './Rows.module.css'

/** Rows of data as they are: columns with their types, nulls told from empty text. */
export function Rows({ rows, columns, label }: { rows: Row[]; columns?: Column[]; label: string }) {
  const names = columns ?? Object.keys(rows[0] ?? {}).map((name) => ({ name, type: '' }))
  const numeric = new Set(
    names
      .filter(({ name, type }) => (type ? isNumber(type) : holdsNumbers(rows, name)))
      .map(({ name }) => name),
  )
  return (
    <div className={css.frame} tabIndex={0} role="group" aria-label={label}>
      <table className={css.rows} aria-label={label}>
        <thead>
          <tr>
            {names.map((column) => (
              <th key={column.name} scope="col" data-number={numeric.has(column.name) || undefined}>
                {column.name}
                {column.type && <span className={css.type}>{column.type.toLowerCase()}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            <tr key={place}>
              {names.map((column) => (
                <Cell
                  key={column.name}
                  value={row[column.name]}
                  numeric={numeric.has(column.name)}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="sr">{count(rows.length)} rows</p>
    </div>
  )
}

function holdsNumbers(rows: Row[], name: string): boolean {
  return rows.some((row) => typeof row[name] === 'number')
}

function Cell({ value, numeric }: { value: unknown; numeric: boolean }) {
  if (value == null) {
    return (
      <td className={css.none} data-number={numeric || undefined}>
        null
      </td>
    )
  }
  if (typeof value === 'number') {
    const plain = Number.isInteger(value) && Math.abs(value) < 10_000
    return <td data-number>{plain ? value : measure(value)}</td>
  }
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return <td title={text.length > 40 ? text : undefined}>{text}</td>
}
