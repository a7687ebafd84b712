import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import css from './Load.module.css'
import { Page } from './Page'
import { Problem, type Ways } from './Problem'

/** What was asked for, or quiet bars while it comes, or what went wrong. */
export function Load<T>({
  query,
  lines = 6,
  ways,
  children,
}: {
  query: UseQueryResult<T>
  lines?: number
  ways?: Ways
  children: (data: T) => ReactNode
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.isError) {
    return <Problem error={query.error} retry={() => query.refetch()} ways={ways} />
  }
  return <Bars lines={lines} />
}

/** A whole page that waits for one thing; it has a title while it does, and when it fails. */
export function LoadPage<T>({
  query,
  title,
  ways,
  children,
}: {
  query: UseQueryResult<T>
  title: string
  ways?: Ways
  children: (data: T) => ReactNode
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  return (
    <Page title={title}>
      <Load query={query} lines={10} ways={ways}>
        {children}
      </Load>
    </Page>
  )
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
