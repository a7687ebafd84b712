import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ArrowUpToLine } from 'lucide-react'
import { useState } from 'react'
import { promote } from '@/api/actions'
import { refs } from '@/api/queries'
import { PRODUCTION, useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Choice, Field, input } from '@/ui/Field'
import { Load } from '@/ui/Load'
import { Problem } from '@/ui/Problem'
import css from './Promote.module.css'
import { PromotionView } from './PromotionView'

type Windows = 'all' | 'since' | 'missing'

const WINDOWS: [Windows, string][] = [
  ['all', 'all their windows'],
  ['since', 'windows since a day'],
  ['missing', 'missing windows only'],
]

/** Shows what a promotion would do, then asks for it, if the environment is still as it was seen. */
export function Promote({ from, close }: { from: string; close: () => void }) {
  const project = useProject()
  const navigate = useNavigate()
  const heads = useQuery(refs(project)).data?.items ?? []
  const [source, setSource] = useState(from)
  const [to, setTo] = useState(PRODUCTION)
  const [windows, setWindows] = useState<Windows>('all')
  const [since, setSince] = useState('')
  const wish = {
    from: source,
    to,
    since: windows === 'since' && since ? since : undefined,
    forward_only: windows === 'missing',
  }
  const plan = useQuery({
    queryKey: ['promotion', project, wish],
    queryFn: () => promote(project, { ...wish, dry_run: true }),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  const act = useMutation({
    mutationFn: () => promote(project, { ...wish, dry_run: false }, plan.data?.etag),
    onSuccess: ({ body }) => {
      close()
      if (body.run) {
        navigate({ to: '/p/$project/runs/$run', params: { project, run: body.run.run } })
      }
    },
  })
  const again = () => {
    act.reset()
    plan.refetch()
  }
  const named = (kind: string, known: string): [string, string][] =>
    [...new Set([known, ...heads.filter((ref) => ref.kind === kind).map((ref) => ref.ref)])].map(
      (name) => [name, name],
    )
  return (
    <Dialog
      open
      close={close}
      size="l"
      title={`Promote to ${to}?`}
      about="Code and tables change together, at once, or not at all: the tests hold the gate."
      footer={
        <>
          <Button onClick={close}>Not now</Button>
          <Button
            look="main"
            icon={<ArrowUpToLine />}
            disabled={!plan.data || plan.isFetching || act.isPending || act.isError}
            onClick={() => act.mutate()}
          >
            {act.isPending ? 'Promoting…' : `Promote to ${to}`}
          </Button>
        </>
      }
    >
      <div className={css.fields}>
        <Field label="From">
          <Choice
            label="From"
            value={source}
            onChange={setSource}
            options={named('kitchen', from)}
          />
        </Field>
        <Field label="To">
          <Choice label="To" value={to} onChange={setTo} options={named('environment', to)} />
        </Field>
        <Field label="Changed steps make">
          <Choice
            label="Changed steps make"
            value={windows}
            onChange={(value) => setWindows(value as Windows)}
            options={WINDOWS}
          />
        </Field>
        {windows === 'since' && (
          <Field label="Since">
            <input
              className={input}
              type="date"
              value={since}
              onChange={(event) => setSince(event.target.value)}
            />
          </Field>
        )}
      </div>
      {act.isError ? (
        <>
          <Problem error={act.error} />
          <div>
            <Button onClick={again}>Look at it again</Button>
          </div>
        </>
      ) : (
        <Load query={plan} lines={6}>
          {({ body }) => <PromotionView plan={body.plan} />}
        </Load>
      )}
    </Dialog>
  )
}
