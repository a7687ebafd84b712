import type { Run } from '@/api/types'
import { exact } from '@/lib/time'
import { DataTable } from '@/ui/DataTable'
import { Facts } from '@/ui/Facts'
import { Id } from '@/ui/Id'
import { Card, Section } from '@/ui/Page'
import { RunName } from '@/ui/RunName'

/** How the run was set: its variables and where each came from, its code, its base. */
export function Details({ run }: { run: Run }) {
  return (
    <>
      <Card>
        <Facts
          of={[
            ['Created', exact(run.created)],
            ['Started', run.started && exact(run.started)],
            ['Finished', run.finished && exact(run.finished)],
            ['Run', <Id key="r" of={run.run} what="run's id" whole />],
            ['Based on commit', run.base && <Id of={run.base} what="commit" whole />],
            ['Published as', run.commit && <Id of={run.commit} what="commit" whole />],
            ['Code', <Id key="c" of={run.definition} what="code's version" />],
            ['Git commit', run.git_commit && <Id of={run.git_commit} what="git commit" />],
            ['Only these steps', run.select.join(', ')],
            ['Computed anew', run.rebuild.join(', ')],
            ['Goes on from', run.resumes && <RunName id={run.resumes} />],
            [
              'Folder',
              <span key="f" className="mono long">
                {run.folder}
              </span>,
            ],
          ]}
        />
      </Card>
      {run.variables.length > 0 && (
        <Section title="Variables">
          <DataTable
            label="Variables"
            rows={run.variables}
            id={(variable) => `${variable.pipeline}.${variable.name}`}
            columns={[
              { key: 'name', head: 'Name', cell: (variable) => variable.name },
              {
                key: 'value',
                head: 'Value',
                kind: 'grow',
                cell: (variable) => <code>{JSON.stringify(variable.value)}</code>,
              },
              { key: 'origin', head: 'Set by', cell: (variable) => variable.origin },
            ]}
          />
        </Section>
      )}
      {run.children.length > 0 && (
        <Section title="Runs that it started">
          <ul>
            {run.children.map((child) => (
              <li key={child}>
                <RunName id={child} />
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  )
}
