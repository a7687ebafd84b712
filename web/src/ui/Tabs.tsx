import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import css from './Tabs.module.css'

function intoView(tab: HTMLElement | null) {
  tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

/** Views of one thing, each with an address: `?tab=` in the URL. */
export function Tabs({
  tabs,
  current,
}: {
  tabs: { key: string; name: string; count?: ReactNode }[]
  current: string
}) {
  return (
    <nav className={css.tabs} aria-label="Views">
      {tabs.map((tab, place) => (
        <Link
          key={tab.key}
          to="."
          search={(before: Record<string, unknown>) => ({
            ...before,
            tab: place ? tab.key : undefined,
          })}
          ref={tab.key === current ? intoView : undefined}
          className={css.tab}
          data-current={tab.key === current || undefined}
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
          replace
        >
          {tab.name}
          {tab.count != null && tab.count !== '' && <span className={css.count}>{tab.count}</span>}
        </Link>
      ))}
    </nav>
  )
}
