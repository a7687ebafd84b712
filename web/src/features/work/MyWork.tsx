import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { alerts, me, overview, refs, runsOf } from '@/api/queries'
import { plural } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { More, rowsOf } from '@/ui/More'
import { Needs, needsOf } from '@/ui/Needs'
import { Page, Section } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { RunTable } from '@/ui/RunTable'
import { Time } from '@/ui/Time'

/** What is mine: what needs me, my kitchens, my runs. */
export function MyWork() {
  const who = useQuery(me())
  return (
    <Page title="My work" about={who.data && <span>of {who.data.name}</span>}>
      <Load query={who}>{(person) => <Mine name={person.name} />}</Load>
    </Page>
  )
}

function Mine({ name }: { name: string }) {
  const project = useProject()
  const found = useQuery(overview(project))
  const open = rowsOf(useInfiniteQuery(alerts(project, true)))
  const own = found.data?.projects.find((item) => item.project === project)
  return (
    <>
      {found.data && own && <Needs needs={needsOf(own, found.data, open)} />}
      <Section title="My kitchens">
        <Kitchens name={name} />
      </Section>
      <Section title="My runs">
        <MyRuns name={name} />
      </Section>
    </>
  )
}

function Kitchens({ name }: { name: string }) {
  const project = useProject()
  const found = useQuery(refs(project))
  const mine = (found.data?.items ?? []).filter(
    (ref) => ref.kind === 'kitchen' && ref.owner === name,
  )
  if (found.data && !mine.length) {
    return (
      <Empty title="You have no kitchen open." command="galley run">
        The first run opens one for you: a branch of the data in which nothing can go wrong for
        others.
      </Empty>
    )
  }
  return (
    <DataTable
      label="My kitchens"
      rows={mine}
      id={(ref) => ref.ref}
      columns={[
        { key: 'name', head: 'Kitchen', cell: (ref) => <RefName name={ref.ref} /> },
        {
          key: 'base',
          head: 'Based on',
          kind: 'below grow',
          cell: (ref) => (
            <span className="soft">
              <span className="narrow">based on </span>
              <Time at={ref.base_created} />
              {ref.behind > 0 && `, ${plural(ref.behind, 'commit')} behind`}
            </span>
          ),
        },
        { key: 'expires', head: 'Expires', kind: 'num', cell: (ref) => <Time at={ref.expires} /> },
      ]}
    />
  )
}

function MyRuns({ name }: { name: string }) {
  const project = useProject()
  const found = useInfiniteQuery(runsOf(project, name))
  return (
    <More
      query={found}
      empty={<Empty title="You have not run anything yet." command="galley run" />}
    >
      {(rows) => <RunTable rows={rows} />}
    </More>
  )
}
