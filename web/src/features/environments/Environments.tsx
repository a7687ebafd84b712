import { useQuery } from '@tanstack/react-query'
import { ArrowUpToLine } from 'lucide-react'
import { useState } from 'react'
import { me, refs } from '@/api/queries'
import type { Ref } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Load } from '@/ui/Load'
import { Page, Section } from '@/ui/Page'
import { RefName } from '@/ui/RefName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'
import { ProjectVersions } from './ProjectVersions'
import { Promote } from './Promote'

/** What is deployed where, and the kitchens that branch from it. */
export function Environments() {
  const project = useProject()
  const found = useQuery(refs(project))
  const own = useQuery(me()).data?.kitchen
  const [from, setFrom] = useState<string | null>(null)
  const kitchens = (found.data?.items ?? []).filter((ref) => ref.kind === 'kitchen')
  const first = kitchens.find((ref) => ref.ref === own) ?? kitchens[0]
  return (
    <Page
      title="Environments"
      about="Protected refs, and the kitchens that branch from them"
      actions={
        first && (
          <Button look="main" icon={<ArrowUpToLine />} onClick={() => setFrom(first.ref)}>
            Promote
          </Button>
        )
      }
    >
      {from && <Promote from={from} close={() => setFrom(null)} />}
      <Load query={found}>
        {(page) => {
          const of = (kind: Ref['kind']) => page.items.filter((ref) => ref.kind === kind)
          return (
            <>
              <Refs rows={of('environment')} label="Environments" kitchens={false} />
              <Section title="Kitchens">
                {of('kitchen').length ? (
                  <Refs rows={of('kitchen')} label="Kitchens" kitchens promote={setFrom} />
                ) : (
                  <Empty title="No kitchen is open." command="galley kitchen open">
                    A kitchen is a branch of the data: it costs milliseconds, and nothing that
                    happens in it gets out.
                  </Empty>
                )}
              </Section>
              <Section title="Versions of the code" aside="the newest first">
                <ProjectVersions />
              </Section>
              {of('tag').length > 0 && (
                <Section title="Tags">
                  <Refs rows={of('tag')} label="Tags" kitchens={false} />
                </Section>
              )}
            </>
          )
        }}
      </Load>
    </Page>
  )
}

function Refs({
  rows,
  label,
  kitchens,
  promote,
}: {
  rows: Ref[]
  label: string
  kitchens: boolean
  promote?: (from: string) => void
}) {
  return (
    <DataTable
      label={label}
      rows={rows}
      id={(ref) => ref.ref}
      columns={[
        {
          key: 'name',
          head: 'Name',
          cell: (ref) => (
            <strong>
              <RefName name={ref.ref} />
            </strong>
          ),
        },
        {
          key: 'head',
          head: 'Commit',
          kind: 'wide',
          cell: (ref) => <span className="mono">{short(ref.head)}</span>,
        },
        { key: 'owner', head: 'Owner', kind: 'wide', cell: (ref) => ref.owner },
        {
          key: 'held',
          head: kitchens ? 'Based on' : 'Held',
          kind: 'below grow',
          cell: (ref) =>
            kitchens ? (
              <span className="soft">
                <span className="narrow">based on </span>
                <Time at={ref.base_created} />
                {ref.behind > 0 && `, ${plural(ref.behind, 'commit')} behind`}
              </span>
            ) : (
              ref.held.map((name) => (
                <Tag
                  key={name}
                  tone="warn"
                  title="Taken back: it publishes again once it has changed or is released"
                >
                  {name} is held
                </Tag>
              ))
            ),
        },
        {
          key: 'when',
          head: kitchens ? 'Expires' : 'Changed',
          kind: 'num',
          cell: (ref) => <Time at={kitchens ? ref.expires : ref.base_created} />,
        },
        ...(promote
          ? [
              {
                key: 'promote',
                head: <span className="sr">Promote</span>,
                cell: (ref: Ref) => (
                  <Button
                    look="bare"
                    aria-label={`Promote ${ref.ref}`}
                    title="Promote it"
                    icon={<ArrowUpToLine />}
                    onClick={() => promote(ref.ref)}
                  />
                ),
              },
            ]
          : []),
      ]}
    />
  )
}
