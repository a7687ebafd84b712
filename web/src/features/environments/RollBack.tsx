import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Undo2 } from 'lucide-react'
import { useState } from 'react'
import { rollback } from '@/api/actions'
import type { Rollback } from '@/api/types'
import { change, count, plural, short } from '@/lib/numbers'
import { useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { DataTable } from '@/ui/DataTable'
import { Dialog } from '@/ui/Dialog'
import { Field, input } from '@/ui/Field'
import { Fold } from '@/ui/Fold'
import { Load } from '@/ui/Load'
import { Problem } from '@/ui/Problem'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'
import css from './RollBack.module.css'

/** Shows what a roll back would do, asks for the reason, then does it, if nobody was faster. */
export function RollBack({ name, to, close }: { name: string; to?: string; close: () => void }) {
  const project = useProject()
  const client = useQueryClient()
  const [reason, setReason] = useState('')
  const plan = useQuery({
    queryKey: ['rollback', project, name, to],
    queryFn: () => rollback(project, name, { to, dry_run: true }),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const act = useMutation({
    mutationFn: () =>
      rollback(project, name, { to, reason: reason.trim(), dry_run: false }, plan.data?.etag),
    onSuccess: () => {
      client.invalidateQueries()
      close()
    },
  })
  const again = () => {
    act.reset()
    plan.refetch()
  }
  return (
    <Dialog
      open
      close={close}
      size="l"
      title={`Roll ${name} back?`}
      about="All its tables and its code return together, at once. What is taken back stays in the history."
      footer={
        <>
          <Button onClick={close}>Leave it</Button>
          <Button
            look="danger"
            icon={<Undo2 />}
            disabled={
              !plan.data || plan.isFetching || !reason.trim() || act.isPending || act.isError
            }
            onClick={() => act.mutate()}
          >
            {act.isPending ? 'Rolling back…' : `Roll ${name} back`}
          </Button>
        </>
      }
    >
      {act.isError ? (
        <>
          <Problem error={act.error} />
          <div>
            <Button onClick={again}>Look at it again</Button>
          </div>
        </>
      ) : (
        <Load query={plan} lines={5}>
          {({ body }) => <Plan plan={body} />}
        </Load>
      )}
      <Field
        label="Why"
        hint="It stays in the history, for everybody to see. A roll back needs a reason."
      >
        <textarea
          className={input}
          rows={2}
          value={reason}
          placeholder="The delivery of 31 December was wrong"
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
    </Dialog>
  )
}

function Plan({ plan }: { plan: Rollback }) {
  return (
    <div className={css.plan}>
      <h3>{plural(plan.taken_back.length, 'commit')} would be taken back</h3>
      <ul className={css.commits}>
        {plan.taken_back.map((commit) => (
          <li key={commit.commit}>
            <Tag>{commit.kind}</Tag> <span className="mono">{short(commit.commit)}</span>{' '}
            {commit.message}{' '}
            <span className="quiet">
              by {commit.author}, <Time at={commit.created} />
            </span>
          </li>
        ))}
      </ul>
      <Fold
        title={`${plural(plan.tables.length, 'table')} would return to commit ${short(plan.to)}`}
        open={plan.tables.length < 13}
      >
        <DataTable
          label="Tables that would return"
          rows={plan.tables}
          id={(row) => row.table}
          columns={[
            { key: 'table', head: 'Table', kind: 'grow', cell: (row) => row.table },
            { key: 'before', head: 'Rows now', kind: 'num', cell: (row) => count(row.rows_before) },
            {
              key: 'after',
              head: 'Rows then',
              kind: 'num',
              cell: (row) => (row.dropped ? 'not there' : count(row.rows_after)),
            },
            {
              key: 'by',
              head: 'Change',
              kind: 'num',
              cell: (row) => (
                <span className="soft">{change(row.rows_before, row.rows_after)}</span>
              ),
            },
          ]}
        />
      </Fold>
      {plan.held.length > 0 && (
        <p>
          <strong>{plan.held.join(', ')}</strong> would be held from publishing until changed or
          released.
        </p>
      )}
      {plan.downstream.length > 0 && (
        <p className="soft">Read by others: {plan.downstream.join(', ')}.</p>
      )}
      <p className="soft">Deliveries to the outside are not undone.</p>
    </div>
  )
}
