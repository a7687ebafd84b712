import { useNavigate } from '@tanstack/react-router'
import { X } from 'lucide-react'
import type { Pipeline } from '@/api/types'
import { count, plural } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { duration } from '@/lib/time'
import { Button } from '@/ui/Button'
import { Code } from '@/ui/Code'
import { Facts } from '@/ui/Facts'
import { Card } from '@/ui/Page'
import { RunName, TableName } from '@/ui/RunName'
import { Badge } from '@/ui/Status'
import { Time } from '@/ui/Time'
import css from './StepCard.module.css'

/** A step as it is defined, and what it did last. */
export function StepCard({ line, name }: { line: Pipeline; name: string }) {
  const navigate = useNavigate()
  const step = line.steps.find((item) => item.name === name)
  if (!step) return null
  const names = (tables: string[]) =>
    tables.length
      ? tables.map((table) => (
          <span key={table} className={css.name}>
            <TableName name={table} />
          </span>
        ))
      : null
  return (
    <Card>
      <section className={css.card} aria-label={`Step ${name}`}>
        <header className={css.head}>
          <h2>{name}</h2>
          {step.last && <Badge state={step.last.state} />}
          <Button
            look="bare"
            aria-label="Close"
            icon={<X />}
            onClick={() =>
              navigate({
                to: '.',
                search: (before: Search) => ({ ...before, step: undefined }),
                replace: true,
              })
            }
          />
        </header>
        {step.description && <p>{step.description}</p>}
        {step.last?.message && <p className="soft">{step.last.message}</p>}
        <Facts
          of={[
            ['Last run', step.last && <RunName id={step.last.run} />],
            ['When', step.last?.finished && <Time at={step.last.finished} />],
            ['Computed in', step.last?.seconds != null && duration(step.last.seconds)],
            ['Rows', step.last?.rows != null && count(step.last.rows)],
            ['Reads', names(step.inputs)],
            ['Makes', names(step.outputs)],
            ['Kind', `${step.kind}, ${step.materialize}`],
            ['Window', step.window],
            ['Tests', step.tests ? plural(step.tests, 'test') : 'none'],
            ['Owner', step.owner],
            [
              'Written in',
              <span key="w" className="mono long">
                {step.where}
              </span>,
            ],
          ]}
        />
        {step.sql && <Code text={step.sql} label="Copy the SQL" />}
      </section>
    </Card>
  )
}
