import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { useState } from 'react'
import { startRun } from '@/api/actions'
import { pipelines, plan, refs } from '@/api/queries'
import { useSettled } from '@/lib/hooks'
import { usePlace, useProject } from '@/lib/place'
import { Button } from './Button'
import { Dialog } from './Dialog'
import { Choice, Field, input } from './Field'
import { Load } from './Load'
import { rowsOf } from './More'
import { PlanView } from './PlanView'
import { Problem } from './Problem'

/** Asks what to run and where, shows what would happen, then starts it. */
export function StartRun({
  open,
  close,
  pipeline,
}: {
  open: boolean
  close: () => void
  pipeline?: string
}) {
  return open ? <Asking close={close} pipeline={pipeline} /> : null
}

function Asking({ close, pipeline }: { close: () => void; pipeline?: string }) {
  const project = useProject()
  const place = usePlace()
  const navigate = useNavigate()
  const lines = rowsOf(useInfiniteQuery(pipelines(project, place)))
  const heads = useQuery(refs(project)).data?.items ?? []
  const targets = heads.filter((item) => item.kind === 'environment' || item.kind === 'kitchen')
  const [chosen, setChosen] = useState(pipeline ?? '')
  const [ref, setRef] = useState(place)
  const [window, setWindow] = useState('')
  const name = chosen || lines[0]?.name || ''
  const wish = { pipeline: name, ref, window: window.trim() || undefined }
  const seen = useSettled(wish.window)
  const planned = useQuery({
    ...plan(project, { ...wish, window: seen }),
    enabled: Boolean(name),
  })
  const start = useMutation({
    mutationFn: () => startRun(project, wish),
    onSuccess: (run) => {
      close()
      navigate({ to: '/p/$project/runs/$run', params: { project, run: run.run } })
    },
  })
  return (
    <Dialog
      open
      close={close}
      size="l"
      title="Run a pipeline"
      about="Every table is staged and tested, then all are published together, or none."
      footer={
        <>
          <Button onClick={close}>Not now</Button>
          <Button
            look="main"
            icon={<Play />}
            disabled={!name || start.isPending || (planned.isError && seen === wish.window)}
            onClick={() => start.mutate()}
          >
            {start.isPending ? 'Starting…' : `Run in ${ref}`}
          </Button>
        </>
      }
    >
      {start.isError && <Problem error={start.error} />}
      <Field label="Pipeline">
        <Choice
          label="Pipeline"
          value={name}
          onChange={setChosen}
          options={lines.map((line) => [line.name, line.name])}
        />
      </Field>
      <Field label="In" hint="What the run reads and publishes to.">
        <Choice
          label="In"
          value={ref}
          onChange={setRef}
          options={[...new Set([ref, ...targets.map((item) => item.ref)])].map((item) => [
            item,
            item,
          ])}
        />
      </Field>
      <Field
        label="Window"
        hint="A day, or 2013-12-01..2013-12-31, whose last day is left out. Empty: whatever is not up to date."
      >
        <input
          className={input}
          value={window}
          placeholder="whatever is not up to date"
          onChange={(event) => setWindow(event.target.value)}
        />
      </Field>
      {name && <Load query={planned}>{(found) => <PlanView plan={found} />}</Load>}
    </Dialog>
  )
}
