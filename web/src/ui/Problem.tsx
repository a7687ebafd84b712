import { Link } from '@tanstack/react-router'
import { OctagonAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { ApiError } from '@/api/client'
import { PRODUCTION, type Search } from '@/lib/place'
import { sentence } from '@/lib/words'
import { Button } from './Button'
import { Id } from './Id'
import css from './Problem.module.css'
import { Said } from './Said'

/** Asking again changes nothing about these. */
const FINAL = new Set([400, 403, 404, 405, 410, 422])

/** Where to go from a name that is wrong: to the nearest that is right, or to all of them. */
export interface Ways {
  near?: (name: string) => ReactNode
  all?: ReactNode
}

/** What went wrong: what happened, what was kept, what to do. */
export function Problem({
  error,
  retry,
  ways = {},
}: {
  error: unknown
  retry?: () => void
  ways?: Ways
}) {
  const known = error instanceof ApiError ? error : null
  const said = sentence(error instanceof Error ? error.message : String(error))
  const answered = known != null && known.status > 0
  return (
    <div
      className={css.problem}
      role="alert"
      title={known?.request ? `request ${known.request}` : undefined}
    >
      <OctagonAlert aria-hidden />
      <div className={css.text}>
        <p className={css.title}>{answered ? said : (known?.title ?? 'This page failed')}</p>
        {!answered && <p>{said}</p>}
        {known?.nearest ? (
          <p>
            Did you mean <Nearest error={known} near={ways.near} />?
          </p>
        ) : (
          known?.hint && (
            <p className="soft">
              <Said text={sentence(known.hint)} />
            </p>
          )
        )}
        {known?.status === 404 && ways.all}
        {known?.request && known.status >= 500 && (
          <p className="quiet">
            request <Id of={known.request} what="request's id" whole />
          </p>
        )}
        {retry && !FINAL.has(known?.status ?? 0) && <Button onClick={retry}>Try again</Button>}
      </div>
    </div>
  )
}

function Nearest({ error, near }: { error: ApiError; near: Ways['near'] }) {
  const name = error.nearest ?? ''
  if (error.code === 'ref_not_found') {
    return (
      <Link
        to="."
        search={(before: Search) => ({ ...before, ref: name === PRODUCTION ? undefined : name })}
      >
        {name}
      </Link>
    )
  }
  return near ? near(name) : <strong>{name}</strong>
}
