import type { Run } from '@/api/types'
import { exact } from '@/lib/time'
import { DataTable } from '@/ui/DataTable'
import { Facts } from '@/ui/Facts'
import { Card, Section } from '@/ui/Page'
import { RunName } from '@/ui/RunName'

/** How the run was set: its variables and where each came from, its code, its base. */
export function Details({ run }: { run: Run }) {
  return (
    <>
      <Card>
        <Facts
          of={[
            [
              'Run',
              <span key="r" className="mono">
                {run.run}
              </span>,
            ],
            [
              'Base',
              <span key="b" className="mono">
                {run.base}
              </span>,
            ],
            ['Commit', run.commit && <span className="mono">{run.commit}</span>],
            [
              'Code',
              <span key="c" className="mono">
                {run.definition}
              </span>,
            ],
            ['Git commit', run.git_commit && <span className="mono">{run.git_commit}</span>],
            ['Created', exact(run.created)],
            ['Started', run.started && exact(run.started)],
            ['Finished', run.finished && exact(run.finished)],
            ['Only these steps', run.select.join(', ')],
            ['Computed anew', run.rebuild.join(', ')],
            ['Goes on from', run.resumes && <RunName id={run.resumes} />],
            [
              'Folder',
              <span key="f" className="mono">
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
