import { ChevronRight } from 'lucide-react'
import type { ReactNode } from 'react'
import css from './Fold.module.css'

/** Something that opens where it stands. */
export function Fold({
  title,
  open = false,
  children,
}: {
  title: ReactNode
  open?: boolean
  children: ReactNode
}) {
  return (
    <details className={css.fold} open={open}>
      <summary>
        <ChevronRight aria-hidden />
        {title}
      </summary>
      <div className={css.body}>{children}</div>
    </details>
  )
}
