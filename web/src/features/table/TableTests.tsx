import type { Test, TestResult } from '@/api/types'
import { useWish } from '@/lib/place'
import { DataTable } from '@/ui/DataTable'
import { Empty } from '@/ui/Empty'
import { Section } from '@/ui/Page'
import { TestList } from '@/ui/TestList'

/** The table's tests with what each said last; those that were never asked stand apart. */
export function TableTests({ tests }: { tests: Test[] }) {
  const open = useWish('test')
  const said = tests.flatMap((test): TestResult[] => (test.last ? [test.last] : []))
  const silent = tests.filter((test) => !test.last)
  if (!tests.length) {
    return (
      <Empty title="This table has no test.">
        What has no tests is published with the mark untested. Write some in the step's header or in
        <code>tests/</code>.
      </Empty>
    )
  }
  return (
    <>
      {said.length > 0 && <TestList tests={said} open={open} alone />}
      {silent.length > 0 && (
        <Section title="Not asked yet here">
          <DataTable
            label="Tests that were not asked yet"
            rows={silent}
            id={(test) => `${test.step}.${test.name}`}
            columns={[
              { key: 'name', head: 'Test', cell: (test) => <strong>{test.name}</strong> },
              { key: 'type', head: 'Type', cell: (test) => test.type.replaceAll('_', ' ') },
              {
                key: 'hard',
                head: 'Severity',
                cell: (test) => `${test.severity}${test.blocking ? ', blocking' : ''}`,
              },
              {
                key: 'where',
                head: 'Written in',
                kind: 'grow',
                cell: (test) => <span className="mono">{test.where}</span>,
              },
            ]}
          />
        </Section>
      )}
    </>
  )
}
