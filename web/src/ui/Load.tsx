import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import css from './Load.module.css'
import { Problem } from './Problem'

/** What was asked for, or quiet bars while it comes, or what went wrong. */
export function Load<T>({
  query,
  lines = 6,
  children,
}: {
  query: UseQueryResult<T>
  lines?: number
  children: (data: T) => ReactNode
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.isError) return <Problem error={query.error} retry={() => query.refetch()} />
  return <Bars lines={lines} />
}

/** A shape of what is to come; it shows only after a moment, so that fast answers do not flicker. */
export function Bars({ lines = 6 }: { lines?: number }) {
  return (
    <div className={css.bars} aria-busy="true">
      <span className="sr">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className={css.bar} style={{ width: `${92 - ((line * 17) % 40)}%` }} />
      ))}
    </div>
  )
}
