import { Link } from '@tanstack/react-router'
import { short } from '@/lib/numbers'
import { PRODUCTION, type Search, useProject } from '@/lib/place'

/** A run's id, leading to it. */
export function RunName({ id, children }: { id: string; children?: React.ReactNode }) {
  const project = useProject()
  return (
    <Link
      to="/p/$project/runs/$run"
      params={{ project, run: id }}
      className={children ? undefined : 'mono'}
    >
      {children ?? short(id)}
    </Link>
  )
}

/** A table's name, leading to it as the chosen ref shows it. */
export function TableName({
  name,
  at,
  in: place,
  tab,
  word,
}: {
  name: string
  at?: string
  /** The ref in which it is looked at, where that is not the chosen one. */
  in?: string
  tab?: string
  word?: React.ReactNode
}) {
  const project = useProject()
  return (
    <Link
      to="/p/$project/tables/$table"
      params={{ project, table: name }}
      search={
        at || tab || place
          ? ({ ref }: Search) => ({ ref: refOf(place ?? ref), at, tab })
          : undefined
      }
    >
      {word ?? name}
    </Link>
  )
}

/** Production is what is looked at where nothing is said. */
function refOf(place: unknown): unknown {
  return place === PRODUCTION ? undefined : place
}
