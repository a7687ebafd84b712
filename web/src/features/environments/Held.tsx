import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { release } from '@/api/actions'
import { useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Problem } from '@/ui/Problem'
import css from './Environment.module.css'

/** A pipeline that a roll back keeps from publishing, and the way to let it go. */
export function Held({ pipeline, name }: { pipeline: string; name: string }) {
  const [asking, setAsking] = useState(false)
  return (
    <p className={css.held}>
      <span>
        <strong>{pipeline}</strong> was taken back and is held: it publishes again once its code or
        inputs have changed, or once it is released.
      </span>
      <Button onClick={() => setAsking(true)}>Release</Button>
      {asking && <Asking pipeline={pipeline} name={name} close={() => setAsking(false)} />}
    </p>
  )
}

function Asking(props: { pipeline: string; name: string; close: () => void }) {
  const { pipeline, name, close } = props
  const project = useProject()
  const client = useQueryClient()
  const act = useMutation({
    mutationFn: () => release(project, name, pipeline),
    onSuccess: () => {
      client.invalidateQueries()
      close()
    },
  })
  return (
    <Dialog
      open
      close={close}
      title={`Release ${pipeline}?`}
      about={`Its next run publishes to ${name} again, though nothing of it has changed since it was taken back.`}
      footer={
        <>
          <Button onClick={close}>Leave it held</Button>
          <Button look="main" disabled={act.isPending} onClick={() => act.mutate()}>
            {act.isPending ? 'Releasing…' : 'Release'}
          </Button>
        </>
      }
    >
      {act.isError ? (
        <Problem error={act.error} />
      ) : (
        <p className="soft">Nothing runs by this: the tables stay as they are until then.</p>
      )}
    </Dialog>
  )
}
