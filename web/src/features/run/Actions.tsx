import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleStop, Pause, Play, RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { askRun, rerun } from '@/api/actions'
import { plan } from '@/api/queries'
import type { Run } from '@/api/types'
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
      {(paused || run.state === 'failed' || run.state === 'cancelled') && (
        <Button look="main" icon={<Play />} onClick={() => setWish('resume')}>
          Resume
        </Button>
      )}
      {!open && !paused && (
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
  const pipeline = run.pipeline.split(' ')[0] ?? ''
  const starts = wish === 'resume' || wish === 'rerun'
  const planned = useQuery({
    ...plan(project, pipeline, run.ref),
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
              ['', 'whatever is not up to date'],
              ...run.steps.map((step): [string, string] => [step.name, step.name]),
            ]}
          />
        </Field>
      )}
      {starts && !from && !run.pipeline.includes(' ') && (
        <Load query={planned}>{(found) => <PlanView plan={found} />}</Load>
      )}
      {from && (
        <p className="soft">
          {from} and every step behind it are computed anew; the steps before it are reused where
          they are up to date.
        </p>
      )}
    </Dialog>
  )
}
