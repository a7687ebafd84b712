import { OctagonAlert } from 'lucide-react'
import { ApiError } from '@/api/client'
import { Button } from './Button'
import css from './Problem.module.css'

/** Asking again changes nothing about these. */
const FINAL = new Set([400, 403, 404, 405, 410, 422])

/** What went wrong: what happened, what was kept, what to do. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : null
  const message = error instanceof Error ? error.message : String(error)
  const title = known?.title ?? 'This page failed'
  return (
    <div className={css.problem} role="alert">
      <OctagonAlert aria-hidden />
      <div className={css.text}>
        <p className={css.title}>{title}</p>
        {message !== title && <p>{message}</p>}
        {known?.hint && <p className="soft">{known.hint}</p>}
        {known?.request && <p className="quiet mono">request {known.request}</p>}
        {retry && !FINAL.has(known?.status ?? 0) && <Button onClick={retry}>Try again</Button>}
      </div>
    </div>
  )
}
