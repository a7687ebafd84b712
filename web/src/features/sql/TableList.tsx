import type { Table } from '@/api/types'
import { Fold } from '@/ui/Fold'
import css from './TableList.module.css'

/** What can be asked: the tables, each with its columns. */
export function TableList({ tables, use }: { tables: Table[]; use: (name: string) => void }) {
  return (
    <aside className={`${css.list} wide`} aria-label="Tables">
      {tables.map((table) => (
        <Fold key={table.name} title={<span className="clip">{table.name}</span>}>
          <button type="button" className={css.use} onClick={() => use(table.name)}>
            ask for its rows
          </button>
          <ul>
            {table.columns.map((column) => (
              <li key={column.name} className={css.column}>
                <span className="clip">{column.name}</span>
                <code className="quiet">{column.type}</code>
              </li>
            ))}
          </ul>
        </Fold>
      ))}
    </aside>
  )
}
