import { useNavigate } from '@tanstack/react-router'
import { ChartColumn, Table2 } from 'lucide-react'
import type { Answer as Facts } from '@/api/types'
import { csvOf } from '@/lib/csv'
import { plural, short } from '@/lib/numbers'
import { type Search, useWish } from '@/lib/place'
import { duration } from '@/lib/time'
import { Button } from '@/ui/Button'
import { Copy } from '@/ui/Copy'
import { Empty } from '@/ui/Empty'
import { Rows } from '@/ui/Rows'
import { axesOf, Plot } from './Plot'
import css from './Sql.module.css'

/** What was answered: as rows, as a picture (`?as=plot`), or to be taken along. */
export function Answer({ answer, seconds }: { answer: Facts; seconds: number }) {
  const navigate = useNavigate()
  const plotted = useWish('as') === 'plot'
  const axes = axesOf(answer)
  const shown = plotted && axes
  const show = (as: 'plot' | undefined) =>
    navigate({ to: '.', search: (before: Search) => ({ ...before, as }), replace: true })
  const names = answer.columns.map((column) => column.name)
  if (!answer.rows.length) return <Empty title="The answer has no rows." />
  return (
    <>
      {shown ? (
        <Plot answer={answer} axes={axes} />
      ) : (
        <Rows rows={answer.rows} columns={answer.columns} label="Answer" />
      )}
      <div className={css.bar}>
        <p className="soft" role="status">
          {answer.more && 'the first '}
          {plural(answer.rows.length, 'row')} in {duration(seconds)}, from {answer.ref} at{' '}
          <span className="mono">{short(answer.commit)}</span>
        </p>
        <span className={css.ways}>
          {shown ? (
            <Button icon={<Table2 />} onClick={() => show(undefined)}>
              Rows
            </Button>
          ) : (
            axes && (
              <Button icon={<ChartColumn />} onClick={() => show('plot')}>
                Plot
              </Button>
            )
          )}
          <Copy text={() => csvOf(names, answer.rows)} label="Copy as CSV" worded />
        </span>
      </div>
    </>
  )
}
