import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { sample } from '@/api/queries'
import { count, plural } from '@/lib/numbers'
import { type Search, useProject } from '@/lib/place'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { Rows } from '@/ui/Rows'
import css from './Sample.module.css'

/** Some rows, as they are. */
export function Sample({
  name,
  place,
  rows,
}: {
  name: string
  place: string
  /** How many there are, where they were counted. */
  rows: number | null
}) {
  const project = useProject()
  const found = useQuery(sample(project, name, place))
  return (
    <Load query={found} lines={10}>
      {(answer) =>
        answer.rows.length ? (
          <div className={css.sample}>
            <Rows rows={answer.rows} columns={answer.columns} label={`Rows of ${name}`} />
            <p className="soft">
              {answer.more === false
                ? `${plural(answer.rows.length, 'row')}, all there are. `
                : `${count(answer.rows.length)} of ${rows == null ? 'more' : count(rows)} rows. `}
              <Link
                to="/p/$project/sql"
                params={{ project }}
                search={(before: Search) => ({
                  ref: before.ref,
                  q: `SELECT *\nFROM ${name}\nLIMIT 100`,
                })}
              >
                Ask for others with SQL
              </Link>
            </p>
          </div>
        ) : (
          <Empty title="The table has no rows." />
        )
      }
    </Load>
  )
}
