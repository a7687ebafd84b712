import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { run as runQuery } from '@/api/queries'
import type { Run as RunFacts } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { useProject, useWish } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { Id } from '@/ui/Id'
import { LoadPage } from '@/ui/Load'
import { Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunName } from '@/ui/RunName'
import { Badge } from '@/ui/Status'
import { Tabs } from '@/ui/Tabs'
import { TestList } from '@/ui/TestList'
import { Time, Took } from '@/ui/Time'
import { Actions } from './Actions'
import { Data } from './Data'
import { Details } from './Details'
import { Metrics } from './Metrics'
import css from './Run.module.css'
import { RunGraph } from './RunGraph'
import { StepPanel } from './StepPanel'
import { Timeline } from './Timeline'
import { Verdict } from './Verdict'

/** One run: what it did, when, why it stopped, and everything that proves it. */
export function Run() {
  const id = useWishedRun()
  const project = useProject()
  const found = useQuery({
    ...runQuery(id),
    refetchInterval: (query) =>
      query.state.data && isOpen(query.state.data.state) ? 10_000 : false,
  })
  return (
    <LoadPage
      query={found}
      title={`Run ${short(id)}`}
      ways={{
        all: (
          <Link to="/p/$project/runs" params={{ project }}>
            All runs
          </Link>
        ),
      }}
    >
      {(run) => <Shown run={run} />}
    </LoadPage>
  )
}

function useWishedRun(): string {
  return useParams({ strict: false }).run ?? ''
}

function Shown({ run }: { run: RunFacts }) {
  const project = useProject()
  const tab = useWish('tab') ?? 'timeline'
  const step = useWish('step')
  const troubled = run.tests.filter((test) =>
    ['fail', 'error', 'warn'].includes(test.verdict),
  ).length
  return (
    <Page
      title={`${run.pipeline} ${short(run.run)}`}
      head={
        <>
          <Link
            to="/p/$project/pipelines/$pipeline"
            params={{ project, pipeline: run.pipeline.split(' ')[0] ?? run.pipeline }}
            className={css.pipeline}
          >
            {run.pipeline}
          </Link>
          <Badge state={run.state} />
        </>
      }
      about={
        <>
          <RefName name={run.ref} />
          <span>
            <Took
              start={run.started ?? run.created}
              seconds={run.seconds}
              open={isOpen(run.state)}
            />
          </span>
          <Time at={run.created} />
          <span>
            {run.cause} by {run.actor}
          </span>
          {run.windows && <span>{run.windows.join('..')}</span>}
          <Id of={run.run} what="run's id" whole />
          {run.resumes && (
            <span>
              goes on from <RunName id={run.resumes} />
            </span>
          )}
        </>
      }
      actions={<Actions run={run} />}
    >
      <Verdict run={run} />
      <Tabs
        current={tab}
        tabs={[
          { key: 'timeline', name: 'Timeline', count: run.steps.length },
          { key: 'graph', name: 'Graph' },
          {
            key: 'tests',
            name: 'Tests',
            count: troubled ? `${troubled} of ${run.tests.length}` : run.tests.length,
          },
          { key: 'data', name: 'Data', count: run.tables.length },
          { key: 'metrics', name: 'Metrics' },
          { key: 'details', name: 'Details' },
        ]}
      />
      {tab === 'timeline' && <Timeline run={run} chosen={step ?? null} />}
      {tab === 'graph' && <RunGraph run={run} chosen={step ?? null} />}
      {tab === 'tests' && <Tests run={run} />}
      {tab === 'data' && <Data run={run} />}
      {tab === 'metrics' && <Metrics run={run} />}
      {tab === 'details' && <Details run={run} />}
      {step && (tab === 'timeline' || tab === 'graph') && (
        <StepPanel key={step} run={run} name={step} />
      )}
    </Page>
  )
}

function Tests({ run }: { run: RunFacts }) {
  const open = useWish('test')
  if (!run.tests.length) {
    return (
      <p className="soft">No test was evaluated: what this run publishes is marked untested.</p>
    )
  }
  return (
    <>
      <p className="sr">{plural(run.tests.length, 'test')}</p>
      <TestList tests={run.tests} open={open} />
    </>
  )
}
