import type { ReactNode } from 'react'
import { useTitle } from '@/lib/hooks'
import css from './Page.module.css'

/** A page: what it is about, what can be done, and its sections. */
export function Page({
  title,
  head,
  about,
  actions,
  children,
}: {
  title: string
  head?: ReactNode
  about?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  useTitle(title)
  return (
    <article className={css.page}>
      <header className={css.head}>
        <div className={css.title}>
          <h1>{head ?? title}</h1>
          {about && <div className={css.about}>{about}</div>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </article>
  )
}

/** A part of a page under a heading of its own. */
export function Section({
  title,
  aside,
  children,
}: {
  title: ReactNode
  aside?: ReactNode
  children: ReactNode
}) {
  return (
    <section className={css.section}>
      <div className={css.sectionHead}>
        <h2>{title}</h2>
        {aside && <div className={css.aside}>{aside}</div>}
      </div>
      {children}
    </section>
  )
}

/** A quiet box that holds things together. */
export function Card({ children, flush = false }: { children: ReactNode; flush?: boolean }) {
  return <div className={`${css.card} ${flush ? css.flush : ''}`}>{children}</div>
}

/** A sentence or two under the head, about the thing itself. */
export function Lead({ children }: { children: ReactNode }) {
  return <p className={css.lead}>{children}</p>
}
