import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useState } from 'react'
import { pipeline as pipelineQuery, runs } from '@/api/queries'
import type { Pipeline as PipelineFacts } from '@/api/types'
import { count, plural } from '@/lib/numbers'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Empty } from '@/ui/Empty'
import { LoadPage } from '@/ui/Load'
import { More } from '@/ui/More'
import { Lead, Page } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunTable } from '@/ui/RunTable'
import { StartRun } from '@/ui/StartRun'
import { Badge, Tag } from '@/ui/Status'
import { Tabs } from '@/ui/Tabs'
import { Time } from '@/ui/Time'
import { Calendar, runsOn } from './Calendar'
import { Durations } from './Durations'
import { LiveGraph } from './LiveGraph'
import { StepCard } from './StepCard'
import { Steps } from './Steps'
import { Tests } from './Tests'

const LATEST = 200

/** One pipeline: its graph with the state of every step, and how it fared over time. */
export function Pipeline() {
  const project = useProject()
  const ref = usePlace()
  const name = useParams({ strict: false }).pipeline ?? ''
  const found = useQuery(pipelineQuery(project, name, ref))
  return (
    <LoadPage
      query={found}
      title={name}
      ways={{
        near: (other) => (
          <Link to="/p/$project/pipelines/$pipeline" params={{ project, pipeline: other }}>
            {other}
          </Link>
        ),
        all: (
          <Link to="/p/$project/pipelines" params={{ project }}>
            All pipelines
          </Link>
        ),
      }}
    >
      {(line) => <Shown line={line} />}
    </LoadPage>
  )
}

function Shown({ line }: { line: PipelineFacts }) {
  const project = useProject()
  const tab = useWish('tab') ?? 'graph'
  const step = useWish('step')
  const [starting, setStarting] = useState(false)
  return (
    <Page
      title={line.name}
      head={
        <>
          {line.name}
          {line.last_run && <Badge state={line.last_run.state} />}
          {line.held && (
            <Tag
              tone="warn"
              title="Taken back: it publishes again once it has changed or is released"
            >
              held
            </Tag>
          )}
        </>
      }
      about={
        <>
          <RefName name={line.ref} />
          {line.last_run && (
            <span>
              ran <Time at={line.last_run.created} />
            </span>
          )}
          {line.owner && <span>owner {line.owner}</span>}
          <span>{plural(line.steps.length, 'step')}</span>
          <span>{plural(line.tests.length, 'test')}</span>
        </>
      }
      actions={
        <Button look="main" icon={<Play />} onClick={() => setStarting(true)}>
          Run
        </Button>
      }
    >
      {line.description && <Lead>{line.description}</Lead>}
      <Durations line={line} />
      <Tabs
        current={tab}
        tabs={[
          { key: 'graph', name: 'Graph' },
          { key: 'runs', name: 'Runs' },
          { key: 'steps', name: 'Steps', count: count(line.steps.length) },
          { key: 'tests', name: 'Tests', count: count(line.tests.length) },
        ]}
      />
      {tab === 'graph' && (
        <>
          <LiveGraph line={line} chosen={step ?? null} />
          {step && <StepCard key={step} line={line} name={step} />}
        </>
      )}
      {tab === 'runs' && <Runs project={project} line={line} />}
      {tab === 'steps' && <Steps line={line} />}
      {tab === 'tests' && <Tests line={line} />}
      <StartRun open={starting} close={() => setStarting(false)} pipeline={line.name} />
    </Page>
  )
}

function Runs({ project, line }: { project: string; line: PipelineFacts }) {
  const found = useInfiniteQuery(
    runs(project, { pipeline: line.name, ref: line.ref, limit: LATEST }),
  )
  const day = useWish('day')
  return (
    <More
      query={found}
      empty={
        <Empty title={`It has not run in ${line.ref} yet.`} command={`galley run ${line.name}`} />
      }
    >
      {(rows) => (
        <>
          <Calendar runs={rows} />
          {day && (
            <p className="soft">
              The runs of {day}.{' '}
              <Link to="." search={(before: Search) => ({ ...before, day: undefined })}>
                Show all
              </Link>
            </p>
          )}
          <RunTable rows={runsOn(rows, day)} pipeline={false} />
        </>
      )}
    </More>
  )
}
