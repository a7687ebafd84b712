import { Link } from '@tanstack/react-router'
import { CircleCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Alert, Overview, ProjectOverview } from '@/api/types'
import { plural } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import css from './Needs.module.css'
import { RefName } from './RefName'
import { RunName } from './RunName'
import { Status } from './Status'
import { Time } from './Time'

export interface Need {
  key: string
  state: string
  word: string
  what: ReactNode
  more: ReactNode
  at: string | null
}

/** What needs somebody, the worst first. */
export function needsOf(own: ProjectOverview, facts: Overview, alerts: Alert[]): Need[] {
  const failing = own.failing.map((test): Need => ({
    key: `test ${test.step}.${test.table}.${test.test}`,
    state: test.verdict,
    word: test.blocks ? 'blocks' : 'failed',
    what: (
      <FailingTest
        run={test.run}
        name={`${test.step}.${test.table}.${test.test}`}
        test={test.test}
        table={test.table}
      />
    ),
    more: test.message,
    at: test.at,
  }))
  const broken = own.pipelines.flatMap(({ name, history }): Need[] => {
    const last = history[0]
    if (last?.state !== 'failed' || own.failing.some((test) => test.run === last.run)) return []
    return [
      {
        key: `run ${last.run}`,
        state: 'failed',
        word: 'failed',
        what: (
          <RunName id={last.run}>
            <strong>{name}</strong>
          </RunName>
        ),
        more: (
          <>
            the last run failed in <RefName name={last.ref} />
          </>
        ),
        at: last.created,
      },
    ]
  })
  const held = own.held.map(({ ref, pipeline }): Need => ({
    key: `held ${ref} ${pipeline}`,
    state: 'stale',
    word: 'held',
    what: <PipelineLink name={pipeline} />,
    more: (
      <>
        was taken back in <RefName name={ref} /> and publishes again once it has changed or is
        released
      </>
    ),
    at: null,
  }))
  const expiring = own.expiring.map((ref): Need => ({
    key: `expiring ${ref.ref}`,
    state: 'stale',
    word: 'expires',
    what: <RefName name={ref.ref} />,
    more: 'a kitchen that nobody uses is removed with what only it holds',
    at: ref.expires,
  }))
  const away: Need[] = facts.engines
    ? []
    : [
        {
          key: 'engine',
          state: 'failed',
          word: 'away',
          what: <strong>No engine is at work</strong>,
          more: 'runs wait until one is there: galley up',
          at: null,
        },
      ]
  const told = alerts
    .filter((alert) => alert.kind !== 'failed')
    .map((alert): Need => ({
      key: `alert ${alert.alert}`,
      state: alert.kind,
      word: alert.kind,
      what: <PipelineLink name={alert.pipeline} />,
      more: alert.message,
      at: alert.opened,
    }))
  return [...away, ...told, ...failing, ...broken, ...held, ...expiring]
}

function FailingTest(props: { run: string; name: string; test: string; table: string }) {
  const project = useProject()
  return (
    <Link
      to="/p/$project/runs/$run"
      params={{ project, run: props.run }}
      search={{ tab: 'tests', test: props.name }}
    >
      <strong>{props.test}</strong> on {props.table}
    </Link>
  )
}

function PipelineLink({ name }: { name: string }) {
  const project = useProject()
  return (
    <Link to="/p/$project/pipelines/$pipeline" params={{ project, pipeline: name }}>
      <strong>{name}</strong>
    </Link>
  )
}

/** The list, or that nothing is the matter. */
export function Needs({ needs, calm = 'Nothing needs you.' }: { needs: Need[]; calm?: string }) {
  if (!needs.length) {
    return (
      <p className={css.calm}>
        <CircleCheck aria-hidden />
        <strong>{calm}</strong>
        <span className="soft">Nothing failed, is late or is held.</span>
      </p>
    )
  }
  return (
    <section className={css.needs} aria-label="What needs somebody">
      <h2>{plural(needs.length, 'thing needs', 'things need')} somebody</h2>
      <ul>
        {needs.map((need) => (
          <li key={need.key}>
            <Status state={need.state} word={need.word} />
            <span className={`${css.what} inline`}>
              {need.what} <span className="soft">{need.more}</span>
            </span>
            <span className="soft">{need.at && <Time at={need.at} />}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
