import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useMemo, useState } from 'react'
import { askSql } from '@/api/actions'
import { tables } from '@/api/queries'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Choice } from '@/ui/Field'
import { rowsOf } from '@/ui/More'
import { Page } from '@/ui/Page'
import { Problem } from '@/ui/Problem'
import { RefName } from '@/ui/RefName'
import { Answer } from './Answer'
import { Editor } from './Editor'
import css from './Sql.module.css'
import { TableList } from './TableList'

const LIMITS = ['100', '1000', '10000']

/** A question to the tables of the chosen ref; nothing can be written. */
export function Sql() {
  const project = useProject()
  const ref = usePlace()
  const asked = useWish('q')
  const navigate = useNavigate()
  const [limit, setLimit] = useState('100')
  const known = rowsOf(useInfiniteQuery(tables(project, ref)))
  const first = known[0]?.name
  const [text, setText] = useState<string | null>(asked ?? null)
  const query = text ?? (first ? `SELECT *\nFROM ${first}\nLIMIT 20` : '')
  const schema = useMemo(
    () =>
      Object.fromEntries(
        known.map((table) => [table.name, table.columns.map((column) => column.name)]),
      ),
    [known],
  )
  const ask = useMutation({
    mutationFn: async (wish: string) => {
      const start = performance.now()
      const answer = await askSql(project, wish, ref, Number(limit))
      return { answer, seconds: (performance.now() - start) / 1000 }
    },
  })
  function run() {
    if (!query.trim()) return
    navigate({
      to: '.',
      search: (before: Search) => ({ ...before, q: query }),
      replace: true,
    })
    ask.mutate(query)
  }
  return (
    <Page
      title="SQL"
      about={
        <>
          <RefName name={ref} /> <span>read-only, in DuckDB's SQL</span>
        </>
      }
    >
      <div className={css.sql}>
        <TableList tables={known} use={(name) => setText(`SELECT *\nFROM ${name}\nLIMIT 20`)} />
        <div className={css.work}>
          <Editor text={query} schema={schema} onChange={setText} onRun={run} />
          <div className={css.bar}>
            <Button
              look="main"
              icon={<Play />}
              disabled={ask.isPending || !query.trim()}
              onClick={run}
            >
              {ask.isPending ? 'Asking…' : 'Ask'}
            </Button>
            <span className="quiet wide">Ctrl+Enter asks, Ctrl+Space completes</span>
            <span className={css.limit}>
              <Choice
                label="Rows at most"
                value={limit}
                onChange={setLimit}
                options={LIMITS.map((value) => [
                  value,
                  `${Number(value).toLocaleString('en')} rows at most`,
                ])}
              />
            </span>
          </div>
          {ask.isError && <Problem error={ask.error} />}
          {ask.data && !ask.isError && <Answer {...ask.data} />}
        </div>
      </div>
    </Page>
  )
}
