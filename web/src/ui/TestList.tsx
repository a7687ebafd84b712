import { useNavigate } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import type { TestResult } from '@/api/types'
import { count, measure, plural } from '@/lib/numbers'
import type { Search } from '@/lib/place'
import { type Tone, toneOf } from '@/lib/status'
import { Code } from './Code'
import { Facts } from './Facts'
import { Fold } from './Fold'
import { Rows } from './Rows'
import { RunName, TableName } from './RunName'
import { Status, Tag } from './Status'
import css from './TestList.module.css'

const ORDER: Tone[] = ['bad', 'warn', 'busy', 'idle', 'ok']

/** Tests with the worst first; `?test=` opens one, with its failing rows. Passes are folded. */
export function TestList({
  tests,
  open,
  alone = false,
}: {
  tests: TestResult[]
  open: string | undefined
  /** They are all of one table, which need not be said again. */
  alone?: boolean
}) {
  const weight = (test: TestResult) => ORDER.indexOf(toneOf(test.verdict))
  const sorted = [...tests].sort((one, other) => weight(one) - weight(other))
  const troubled = sorted.filter((test) => test.verdict !== 'pass')
  const passed = sorted.filter((test) => test.verdict === 'pass')
  if (!troubled.length) return <Lines tests={passed} open={open} alone={alone} />
  return (
    <>
      <Lines tests={troubled} open={open} alone={alone} />
      {passed.length > 0 && (
        <Fold
          title={`${plural(passed.length, 'test')} passed`}
          open={passed.some((test) => keyOf(test) === open)}
        >
          <Lines tests={passed} open={open} alone={alone} />
        </Fold>
      )}
    </>
  )
}

function keyOf(test: TestResult): string {
  return `${test.step}.${test.table}.${test.name}`
}

function Lines({
  tests,
  open,
  alone,
}: {
  tests: TestResult[]
  open: string | undefined
  alone: boolean
}) {
  const navigate = useNavigate()
  const turn = (key: string) =>
    navigate({
      to: '.',
      search: (before: Search) => ({ ...before, test: open === key ? undefined : key }),
      replace: true,
      resetScroll: false,
    })
  return (
    <ul className={`${css.list} ${alone ? css.alone : ''}`} aria-label="Tests">
      {tests.map((test) => {
        const key = keyOf(test)
        return (
          <li key={key} className={css.test} data-open={open === key || undefined}>
            <button
              type="button"
              className={css.line}
              aria-expanded={open === key}
              onClick={() => turn(key)}
            >
              <ChevronRight aria-hidden />
              <Status state={test.verdict} />
              <strong className="clip">{test.name}</strong>
              {!alone && <span className={`${css.table} soft clip`}>{test.table}</span>}
              <span className={`${css.said} clip soft`}>{test.message ?? words(test.type)}</span>
              <span className={css.marks}>
                {test.blocks && <Tag tone="bad">blocked the run</Tag>}
                {test.override && <Tag tone="warn">overridden</Tag>}
                {test.reused && <Tag title="proved by an earlier run">reused</Tag>}
              </span>
            </button>
            {open === key && <Evidence test={test} />}
          </li>
        )
      })}
    </ul>
  )
}

function words(type: string): string {
  return type.replaceAll('_', ' ')
}

function Evidence({ test }: { test: TestResult }) {
  return (
    <div className={css.evidence}>
      {test.message && <p>{test.message}</p>}
      <Facts
        of={[
          ['Table', <TableName key="t" name={test.table} />],
          ['Type', words(test.type)],
          ['Measured', typeof test.value === 'number' ? measure(test.value) : text(test.value)],
          ['Limits', limits(test.limits)],
          ['Rows looked at', count(test.rows)],
          ['Rows that fail', test.failing == null ? null : count(test.failing)],
          ['Severity', `${test.severity}${test.blocking ? ', blocking' : ', not blocking'}`],
          ['Written in', test.where && <span className="mono long">{test.where}</span>],
          ['Proved by', test.reused_from && <RunName key="r" id={test.reused_from} />],
          ['Override', test.override && `${test.override.by}: ${test.override.reason}`],
        ]}
      />
      {test.sample?.length > 0 && (
        <div className={css.rows}>
          <h3>
            {plural(test.sample.length, 'failing row')}
            {test.failing != null && test.failing > test.sample.length && (
              <span className="quiet"> of {count(test.failing)}</span>
            )}
          </h3>
          <Rows rows={test.sample} label={`Failing rows of ${test.name}`} />
        </div>
      )}
      {test.sql && (
        <Fold title="The question that was asked">
          <Code text={test.sql} label="Copy the SQL" />
        </Fold>
      )}
    </div>
  )
}

function text(value: unknown): string | null {
  return value == null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function limits(of: Record<string, unknown>): string | null {
  const parts = Object.entries(of ?? {}).map(([name, value]) => `${name} ${text(value)}`)
  return parts.length ? parts.join(', ') : null
}
