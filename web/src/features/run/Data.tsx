import type { Run, RunTable } from '@/api/types'
import { bytes, count, short } from '@/lib/numbers'
import { DataTable } from '@/ui/DataTable'
import { Section } from '@/ui/Page'
import { RunName, TableName } from '@/ui/RunName'

/** What went in and what came out, each as the version it was. */
export function Data({ run }: { run: Run }) {
  const made = run.tables.filter((table) => table.made_by === run.run)
  const taken = run.tables.filter((table) => table.made_by !== run.run)
  return (
    <>
      <Section title="Made by this run" aside={`${made.length}`}>
        {made.length ? (
          <Versions rows={made} run={run} />
        ) : (
          <p className="soft">No new version: everything was reused.</p>
        )}
      </Section>
      {taken.length > 0 && (
        <Section title="Taken as they were" aside={`${taken.length}`}>
          <Versions rows={taken} run={run} />
        </Section>
      )}
    </>
  )
}

function Versions({ rows, run }: { rows: RunTable[]; run: Run }) {
  return (
    <DataTable
      label="Tables"
      rows={rows}
      id={(table) => table.name}
      columns={[
        {
          key: 'name',
          head: 'Table',
          cell: (table) => (
            <TableName name={table.name} in={run.ref} at={run.commit ?? undefined} />
          ),
        },
        { key: 'rows', head: 'Rows', kind: 'num', cell: (table) => count(table.rows) },
        { key: 'bytes', head: 'Size', kind: 'wide num', cell: (table) => bytes(table.bytes) },
        {
          key: 'version',
          head: 'Version',
          cell: (table) => <span className="mono">{short(table.content_id)}</span>,
        },
        {
          key: 'made',
          head: 'Made by',
          kind: 'wide',
          cell: (table) =>
            table.made_by === run.run ? (
              'this run'
            ) : table.made_by ? (
              <RunName id={table.made_by} />
            ) : (
              '–'
            ),
        },
        {
          key: 'inputs',
          head: 'From',
          kind: 'below grow',
          cell: (table) => {
            const names = Object.entries(table.inputs)
            if (!names.length) return null
            return (
              <span
                title={names.map(([name, version]) => `${name} ${short(version)}`).join('\n')}
                className="soft"
              >
                <span className="narrow">from </span>
                {names.map(([name]) => name).join(', ')}
              </span>
            )
          },
        },
      ]}
    />
  )
}
