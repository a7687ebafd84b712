import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { alerts, overview } from '@/api/queries'
import type { Overview as OverviewFacts, ProjectOverview } from '@/api/types'
import { count, plural } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { wordOf } from '@/lib/status'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { rowsOf } from '@/ui/More'
import { Needs, needsOf } from '@/ui/Needs'
import { Page, Section } from '@/ui/Page'
import { RunTable } from '@/ui/RunTable'
import { Grid } from './Grid'
import { Latest } from './Latest'
import { Places } from './Places'

/** Is it all right, and what needs somebody? */
export function Overview() {
  const project = useProject()
  const found = useQuery(overview(project))
  return (
    <Page title="Overview" about={found.data && <Day facts={found.data} />}>
      <Load query={found} lines={10}>
        {(facts) => {
          const own = facts.projects.find((item) => item.project === project)
          return own ? (
            <Shown facts={facts} own={own} />
          ) : (
            <Empty title="There is no such project." />
          )
        }}
      </Load>
    </Page>
  )
}

function Day({ facts }: { facts: OverviewFacts }) {
  const day = facts.projects[0]?.day ?? {}
  const runs = Object.values(day).reduce((sum, part) => sum + part, 0)
  const parts = Object.entries(day).map(([state, part]) => `${count(part)} ${wordOf(state)}`)
  return (
    <>
      <span>
        {runs ? `${plural(runs, 'run')} in 24 hours: ${parts.join(', ')}` : 'no run in 24 hours'}
      </span>
      <span>
        {facts.engines ? 'an engine is at work' : 'no engine is at work'}
        {facts.workers > 0 && `, ${plural(facts.workers, 'worker')}`}
      </span>
    </>
  )
}

function Shown({ facts, own }: { facts: OverviewFacts; own: ProjectOverview }) {
  const open = rowsOf(useInfiniteQuery(alerts(own.project, true)))
  return (
    <>
      <Needs needs={needsOf(own, facts, open)} />
      {facts.runs.length > 0 && (
        <Section title="Under way" aside={count(facts.runs.length)}>
          <RunTable rows={facts.runs} />
        </Section>
      )}
      <Section title="Pipelines, run by run" aside="the newest at the right">
        {own.pipelines.length ? (
          <Grid own={own} />
        ) : (
          <Empty title="No pipeline yet." command="galley add data.csv">
            A pipeline is a folder of plain files: SQL, Python, or what to load.
          </Empty>
        )}
      </Section>
      <Section title="Environments">
        <Places own={own} />
      </Section>
      <Latest own={own} />
    </>
  )
}
