import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleStop, Pause, Play, RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { askRun, rerun } from '@/api/actions'
import { plan } from '@/api/queries'
import type { Run } from '@/api/types'
import { stepEdges } from '@/graph/layout'
import { useProject } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Choice, Field } from '@/ui/Field'
import { Load } from '@/ui/Load'
import { PlanView } from '@/ui/PlanView'
import { Problem } from '@/ui/Problem'

type Wish = 'cancel' | 'pause' | 'resume' | 'rerun'

const SAID: Record<Wish, { title: string; about: string; go: string }> = {
  cancel: {
    title: 'Cancel this run?',
    about:
      'Steps that are running are stopped. Nothing of the run is published; what was proved is kept, so that it can be resumed.',
    go: 'Cancel the run',
  },
  pause: {
    title: 'Pause this run?',
    about: 'Steps that are running finish; no further step starts until it is resumed.',
    go: 'Pause the run',
  },
  resume: {
    title: 'Resume this run?',
    about:
      'What was proved before is taken over; only the rest is made. Nothing is computed twice.',
    go: 'Resume',
  },
  rerun: {
    title: 'Run it again?',
    about: 'A new run with the same settings. From the chosen step on everything is computed anew.',
    go: 'Run again',
  },
}

const STOPPED = new Set(['failed', 'cancelled', 'superseded'])

/** What can be done about a run; each shows first what would happen. */
export function Actions({ run }: { run: Run }) {
  const [wish, setWish] = useState<Wish | null>(null)
  const open = isOpen(run.state)
  const paused = run.state === 'paused'
  return (
    <>
      {open && (
        <Button icon={<Pause />} onClick={() => setWish('pause')}>
          Pause
        </Button>
      )}
      {(open || paused) && (
        <Button look="danger" icon={<CircleStop />} onClick={() => setWish('cancel')}>
          Cancel
        </Button>
      )}
      {(paused || STOPPED.has(run.state)) && (
        <Button look="main" icon={<Play />} onClick={() => setWish('resume')}>
          Resume
        </Button>
      )}
      {!open && !paused && run.cause !== 'promotion' && !run.backfill && (
        <Button icon={<RotateCcw />} onClick={() => setWish('rerun')}>
          Run again
        </Button>
      )}
      {wish && <Asking run={run} wish={wish} close={() => setWish(null)} />}
    </>
  )
}

function Asking({ run, wish, close }: { run: Run; wish: Wish; close: () => void }) {
  const project = useProject()
  const navigate = useNavigate()
  const [from, setFrom] = useState('')
  const starts = wish === 'rerun' || (wish === 'resume' && run.state !== 'paused')
  const planned = useQuery({
    ...plan(project, {
      pipeline: run.pipeline,
      ref: run.ref,
      window: run.windows?.join('..'),
      select: run.select,
      variables: Object.fromEntries(
        run.variables.filter((one) => one.origin === 'flag').map((one) => [one.name, one.value]),
      ),
      rebuild: wish === 'rerun' ? anew(run, from) : run.rebuild,
    }),
    enabled: starts && !run.pipeline.includes(' '),
  })
  const act = useMutation({
    mutationFn: () => (wish === 'rerun' ? rerun(run.run, from || null) : askRun(run.run, wish)),
    onSuccess: (answer) => {
      close()
      if (answer?.run && answer.run !== run.run) {
        navigate({ to: '/p/$project/runs/$run', params: { project, run: answer.run } })
      }
    },
  })
  const said = SAID[wish]
  return (
    <Dialog
      open
      close={close}
      size={starts ? 'l' : 'm'}
      title={said.title}
      about={said.about}
      footer={
        <>
          <Button onClick={close}>Leave it</Button>
          <Button
            look={wish === 'cancel' ? 'danger' : 'main'}
            disabled={act.isPending}
            onClick={() => act.mutate()}
          >
            {act.isPending ? 'Asking…' : said.go}
          </Button>
        </>
      }
    >
      {act.isError && <Problem error={act.error} />}
      {wish === 'rerun' && (
        <Field label="From">
          <Choice
            label="From"
            value={from}
            onChange={setFrom}
            options={[
              ['', 'the beginning: every step is computed anew'],
              ...run.steps.map((step): [string, string] => [step.name, step.name]),
            ]}
          />
        </Field>
      )}
      {starts && !run.pipeline.includes(' ') && (
        <Load query={planned}>{(found) => <PlanView plan={found} />}</Load>
      )}
    </Dialog>
  )
}

/** The steps that running again from one computes: it and all that follow; without one, all. */
function anew(run: Run, from: string): string[] {
  const names = run.steps.map((step) => step.name)
  if (!from) return names
  const after = new Set([from])
  const edges = stepEdges(run.edges)
  for (let before = 0; before !== after.size;) {
    before = after.size
    for (const edge of edges) if (after.has(edge.from)) after.add(edge.to)
  }
  return names.filter((name) => after.has(name))
}
