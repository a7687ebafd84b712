import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { metrics } from '@/api/queries'
import type { Metric, TableDetails } from '@/api/types'
import { Line, type Point } from '@/charts/Line'
import { bytes, measure } from '@/lib/numbers'
import { type Search, useProject, useWish } from '@/lib/place'
import { Empty } from '@/ui/Empty'
import { Choice } from '@/ui/Field'
import { Section } from '@/ui/Page'
import css from './Metrics.module.css'

const OF_COLUMN: [name: string, word: string][] = [
  ['nulls', 'Nulls'],
  ['distinct', 'Distinct'],
  ['mean', 'Mean'],
  ['sd', 'Deviation'],
  ['min', 'Least'],
  ['max', 'Most'],
]

/** What was measured of the table and of a column, over time. */
export function Metrics({ table }: { table: TableDetails }) {
  const project = useProject()
  const navigate = useNavigate()
  const column = useWish('column') ?? table.columns[0]?.name ?? ''
  const rows = useQuery(metrics(project, table.name, { name: 'rows' }))
  const size = useQuery(metrics(project, table.name, { name: 'bytes' }))
  const own = useQuery(metrics(project, table.name, { column }))
  const groups = useMemo(() => byName(own.data?.items ?? []), [own.data])
  if (rows.data && !rows.data.items.length) {
    return (
      <Empty title="Nothing was measured yet." command="galley run">
        Every run measures what it makes: rows, bytes, and for each column nulls, distinct values
        and how its values lie.
      </Empty>
    )
  }
  return (
    <>
      <p className="quiet">
        A point for every run that measured the table, in any ref; a ring: what it measured was not
        published. The band holds nine of ten. Drag to look closer, double-click to see all.
      </p>
      <div className={css.charts}>
        <Chart title="Rows" items={rows.data?.items} />
        <Chart title="Size" items={size.data?.items} say={bytes} />
      </div>
      <Section
        title={`Column ${column}`}
        aside={
          <Choice
            label="Column"
            value={column}
            options={table.columns.map((one) => [one.name, one.name])}
            onChange={(next) =>
              navigate({
                to: '.',
                search: (before: Search) => ({ ...before, column: next }),
                replace: true,
                resetScroll: false,
              })
            }
          />
        }
      >
        <div className={css.charts}>
          {OF_COLUMN.map(([name, word]) =>
            groups.get(name)?.length ? (
              <Chart key={name} title={word} items={groups.get(name)} />
            ) : null,
          )}
        </div>
      </Section>
    </>
  )
}

function Chart({
  title,
  items,
  say,
}: {
  title: string
  items: Metric[] | undefined
  say?: (value: number) => string
}) {
  const points = useMemo(() => pointsOf(items ?? []), [items])
  return <Line title={title} points={points} sync="table" say={say ?? measure} />
}

/** The whole table's measurements; of a table made window by window those of its windows. */
function pointsOf(items: Metric[]): Point[] {
  const whole = items.filter((item) => item.window == null)
  return (whole.length ? whole : items).flatMap((item) =>
    item.value == null
      ? []
      : [{ at: Date.parse(item.at), value: item.value, published: item.commit != null }],
  )
}

function byName(items: Metric[]): Map<string, Metric[]> {
  const found = new Map<string, Metric[]>()
  for (const item of items) found.set(item.name, [...(found.get(item.name) ?? []), item])
  return found
}
