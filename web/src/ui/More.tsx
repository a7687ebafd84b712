import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Page } from '@/api/types'
import { Button } from './Button'
import { Bars } from './Load'
import css from './More.module.css'
import { Problem } from './Problem'

/** A list that the server pages: its rows so far, and a button for more. */
export function More<T>({
  query,
  empty,
  children,
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<T>>>
  empty: ReactNode
  children: (rows: T[]) => ReactNode
}) {
  if (!query.data) {
    return query.isError ? (
      <Problem error={query.error} retry={() => query.refetch()} />
    ) : (
      <Bars lines={8} />
    )
  }
  const rows = query.data.pages.flatMap((page) => page.items)
  if (!rows.length) return <>{empty}</>
  return (
    <>
      {children(rows)}
      {query.hasNextPage && (
        <div className={css.more}>
          <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Fetching…' : 'Show more'}
          </Button>
        </div>
      )}
    </>
  )
}

/** All rows that were fetched so far. */
export function rowsOf<T>(query: { data?: InfiniteData<Page<T>> }): T[] {
  return query.data?.pages.flatMap((page) => page.items) ?? []
}
