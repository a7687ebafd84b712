import { useQuery } from '@tanstack/react-query'
import { ArrowLeftRight } from 'lucide-react'
import { compare } from '@/api/queries'
import type { Comparison, Difference } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { type Search, useProject, useWish } from '@/lib/place'
import { ButtonLink } from '@/ui/Button'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { Page, Section } from '@/ui/Page'
import { RunName } from '@/ui/RunName'
import { Badge } from '@/ui/Status'
import { Time, Took } from '@/ui/Time'
import css from './Compare.module.css'
import { StepsSideBySide, TestsSideBySide } from './Sides'

const KINDS: [key: 'code' | 'packages' | 'variables' | 'inputs' | 'windows', name: string][] = [
  ['code', 'Code'],
  ['packages', 'Libraries'],
  ['variables', 'Variables'],
  ['inputs', 'Inputs'],
  ['windows', 'Windows'],
]

/** What changed between two runs: code, libraries, inputs, settings, tests, timings. */
export function Compare() {
  const project = useProject()
  const a = useWish('a')
  const b = useWish('b')
  const found = useQuery({ ...compare(a ?? '', b ?? ''), enabled: Boolean(a && b) })
  return (
    <Page
      title="Run compare"
      head="What changed between two runs"
      actions={
        a && b ? (
          <ButtonLink
            to="/p/$project/compare"
            params={{ project }}
            search={(before: Search) => ({ ...before, a: b, b: a })}
            icon={<ArrowLeftRight />}
          >
            Swap
          </ButtonLink>
        ) : undefined
      }
    >
      {a && b ? (
        <Load query={found} lines={10}>
          {(facts) => <Shown facts={facts} />}
        </Load>
      ) : (
        <Empty title="Choose two runs.">
          Mark two in the list of runs, then press Compare the two.
        </Empty>
      )}
    </Page>
  )
}

function Shown({ facts }: { facts: Comparison }) {
  const changed = KINDS.filter(([key]) => facts[key].length > 0)
  return (
    <>
      <div className={css.pair}>
        {[facts.a, facts.b].map((run, place) => (
          <div key={run.run} className={css.run}>
            <span className={css.letter}>{place ? 'B' : 'A'}</span>
            <RunName id={run.run}>
              <strong>{run.pipeline}</strong> <span className="mono">{short(run.run)}</span>
            </RunName>
            <Badge state={run.state} />
            <span className="soft">
              <Took seconds={run.seconds} />, <Time at={run.created} />, by {run.actor}
            </span>
          </div>
        ))}
      </div>
      {changed.length ? (
        changed.map(([key, name]) => (
          <Section key={key} title={name} aside={plural(facts[key].length, 'differs', 'differ')}>
            <Differences rows={facts[key]} label={name} />
          </Section>
        ))
      ) : (
        <p className="soft">
          Code, libraries, variables, inputs and windows are the same
          {facts.same_code ? '' : ', the project version is not'}.
        </p>
      )}
      <Section title="Steps">
        <StepsSideBySide facts={facts} />
      </Section>
      <Section title="Tests that said something else">
        <TestsSideBySide facts={facts} />
      </Section>
    </>
  )
}

function Differences({ rows, label }: { rows: Difference[]; label: string }) {
  return (
    <DataTable
      label={label}
      rows={rows}
      id={(row) => row.name}
      columns={[
        { key: 'name', head: 'What', cell: (row) => <strong>{row.name}</strong> },
        { key: 'a', head: 'A', kind: 'below', cell: (row) => <Side letter="A" value={row.a} /> },
        {
          key: 'b',
          head: 'B',
          kind: 'below grow',
          cell: (row) => <Side letter="B" value={row.b} />,
        },
      ]}
    />
  )
}

function Side({ letter, value }: { letter: string; value: unknown }) {
  const text = textOf(value)
  const id = /^[0-9a-f]{24,}$/.test(text)
  return (
    <>
      <strong className="narrow">{letter} </strong>
      {value == null ? (
        <span className="quiet">not there</span>
      ) : (
        <code title={text}>{id ? short(text) : text}</code>
      )}
    </>
  )
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) {
    return value.join('..')
  }
  return JSON.stringify(value)
}
