import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Pause, Play, Zap } from 'lucide-react'
import { useState } from 'react'
import { fireTrigger, switchTrigger } from '@/api/actions'
import type { Trigger } from '@/api/types'
import { useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, input } from '@/ui/Field'
import { Problem } from '@/ui/Problem'
import { Form, isFilled, valuesOf } from './Form'

/** Fire it now, with the fields of its form, or let it rest. */
export function Steer({ trigger }: { trigger: Trigger }) {
  const [wish, setWish] = useState<'fire' | 'pause' | 'resume' | null>(null)
  return (
    <span style={{ display: 'inline-flex' }}>
      {trigger.kind === 'manual' ? (
        <Button
          icon={<Zap />}
          aria-label={`Start ${trigger.trigger}`}
          onClick={() => setWish('fire')}
        >
          Start
        </Button>
      ) : (
        <Button
          look="bare"
          aria-label={`Fire ${trigger.trigger} now`}
          title="Fire now"
          icon={<Zap />}
          onClick={() => setWish('fire')}
        />
      )}
      <Button
        look="bare"
        aria-label={`${trigger.paused ? 'Resume' : 'Pause'} ${trigger.trigger}`}
        title={trigger.paused ? 'Resume' : 'Pause'}
        icon={trigger.paused ? <Play /> : <Pause />}
        onClick={() => setWish(trigger.paused ? 'resume' : 'pause')}
      />
      {wish === 'fire' && <Firing trigger={trigger} close={() => setWish(null)} />}
      {(wish === 'pause' || wish === 'resume') && (
        <Switching trigger={trigger} what={wish} close={() => setWish(null)} />
      )}
    </span>
  )
}

function Firing({ trigger, close }: { trigger: Trigger; close: () => void }) {
  const project = useProject()
  const navigate = useNavigate()
  const [texts, setTexts] = useState<Record<string, string>>({})
  const fire = useMutation({
    mutationFn: () => fireTrigger(project, trigger, valuesOf(trigger.parameters, texts)),
    onSuccess: (answer) => {
      close()
      navigate({ to: '/p/$project/runs/$run', params: { project, run: answer.run.run } })
    },
  })
  return (
    <Dialog
      open
      close={close}
      title={`Fire ${trigger.trigger} now?`}
      about={`${trigger.description ? `${trigger.description} ` : ''}${trigger.pipeline} runs in ${trigger.in}, behind the runs that go on already.`}
      footer={
        <>
          <Button onClick={close}>Not now</Button>
          <Button
            look="main"
            icon={<Zap />}
            disabled={fire.isPending || !isFilled(trigger.parameters, texts)}
            onClick={() => fire.mutate()}
          >
            {fire.isPending ? 'Firing…' : 'Fire'}
          </Button>
        </>
      }
    >
      {fire.isError && <Problem error={fire.error} />}
      <Form parameters={trigger.parameters} texts={texts} onChange={setTexts} />
    </Dialog>
  )
}

function Switching({
  trigger,
  what,
  close,
}: {
  trigger: Trigger
  what: 'pause' | 'resume'
  close: () => void
}) {
  const project = useProject()
  const client = useQueryClient()
  const [reason, setReason] = useState('')
  const act = useMutation({
    mutationFn: () => switchTrigger(project, trigger, what, reason.trim()),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ['triggers'] })
      close()
    },
  })
  return (
    <Dialog
      open
      close={close}
      title={`${what === 'pause' ? 'Pause' : 'Resume'} ${trigger.trigger}?`}
      about={
        what === 'pause'
          ? 'It fires no more until it is resumed; a promotion does not do that.'
          : 'It fires again from now on; what was missed is not made up for.'
      }
      footer={
        <>
          <Button onClick={close}>Leave it</Button>
          <Button look="main" disabled={act.isPending} onClick={() => act.mutate()}>
            {what === 'pause' ? 'Pause' : 'Resume'}
          </Button>
        </>
      }
    >
      {act.isError && <Problem error={act.error} />}
      <Field label="Why" hint="Kept in the audit trail.">
        <input
          className={input}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
    </Dialog>
  )
}
