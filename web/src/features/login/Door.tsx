import type { FormEvent, ReactNode } from 'react'
import { useTitle } from '@/lib/hooks'
import css from './Door.module.css'

/** A form in the middle of a quiet page. */
export function Door({
  title,
  onSubmit,
  children,
}: {
  title: string
  onSubmit: (event: FormEvent) => void
  children: ReactNode
}) {
  useTitle(title)
  return (
    <main className={css.door}>
      <form className={css.form} onSubmit={onSubmit}>
        <header className={css.head}>
          <img src="/mark.svg" alt="" width={28} height={28} />
          <h1>{title}</h1>
        </header>
        {children}
      </form>
    </main>
  )
}
