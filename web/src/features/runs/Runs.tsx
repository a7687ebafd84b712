import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { GitCompare, Play } from 'lucide-react'
import { useState } from 'react'
import { pipelines, runs } from '@/api/queries'
import { type Search, usePlace, useProject, useWish } from '@/lib/place'
import { wordOf } from '@/lib/status'
import { Button, ButtonLink } from '@/ui/Button'
import { Empty } from '@/ui/Empty'
import { Choice } from '@/ui/Field'
import { More, rowsOf } from '@/ui/More'
import { Page } from '@/ui/Page'
import { RunTable } from '@/ui/RunTable'
import { StartRun } from '@/ui/StartRun'
import css from './Runs.module.css'

const STATES = [
  'queued',
  'running',
  'paused',
  'publishing',
  'succeeded',
  'failed',
  'cancelled',
  'superseded',
]

/** Every run of the project, the latest first. */
export function Runs() {
  const project = useProject()
  const place = usePlace()
  const navigate = useNavigate()
  const wish = { pipeline: useWish('pipeline'), state: useWish('state'), ref: useWish('in') }
  const found = useInfiniteQuery(runs(project, wish))
  const lines = useInfiniteQuery(pipelines(project, place))
  const [chosen, setChosen] = useState<string[]>([])
  const [starting, setStarting] = useState(false)
  const narrowed = Boolean(wish.pipeline ?? wish.state ?? wish.ref)
  const filter = (name: string) => (value: string) =>
    navigate({
      to: '.',
      search: (before: Search) => ({ ...before, [name]: value || undefined }),
      replace: true,
    })
  const toggle = (run: string) =>
    setChosen((before) =>
      before.includes(run) ? before.filter((id) => id !== run) : [...before.slice(-1), run],
    )
  return (
    <Page
      title="Runs"
      actions={
        <>
          {chosen.length === 2 ? (
            <ButtonLink
              to="/p/$project/compare"
              params={{ project }}
              search={(before: Search) => ({ ...before, a: chosen[0], b: chosen[1] })}
              icon={<GitCompare />}
            >
              Compare the two
            </ButtonLink>
          ) : (
            <span className={`wide quiet ${css.tip}`}>mark two runs to compare them</span>
          )}
          <Button look="main" icon={<Play />} onClick={() => setStarting(true)}>
            Run a pipeline
          </Button>
        </>
      }
    >
      <div className={css.filters}>
        <Choice
          label="Pipeline"
          value={wish.pipeline ?? ''}
          onChange={filter('pipeline')}
          options={[
            ['', 'Every pipeline'],
            ...rowsOf(lines).map((line): [string, string] => [line.name, line.name]),
          ]}
        />
        <Choice
          label="State"
          value={wish.state ?? ''}
          onChange={filter('state')}
          options={[
            ['', 'Every state'],
            ...STATES.map((state): [string, string] => [state, wordOf(state)]),
          ]}
        />
        <Choice
          label="Ref"
          value={wish.ref ?? ''}
          onChange={filter('in')}
          options={[
            ['', 'Every ref'],
            [place, `Only ${place}`],
          ]}
        />
      </div>
      <More
        query={found}
        empty={
          narrowed ? (
            <Empty title="No run is like that.">Choose wider above.</Empty>
          ) : (
            <Empty title="Nothing has run yet." command="galley run">
              A run stages every table in your kitchen, tests it, and publishes all of them
              together.
            </Empty>
          )
        }
      >
        {(rows) => <RunTable rows={rows} pick={{ chosen, toggle }} />}
      </More>
      <StartRun open={starting} close={() => setStarting(false)} pipeline={wish.pipeline} />
    </Page>
  )
}
