import type { ReactNode } from 'react'
import css from './Facts.module.css'

/** Names and what they are; nothing is shown for what is not there. */
export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className={css.facts}>
      {of
        .filter(([, value]) => value != null && value !== '' && value !== false)
        .map(([name, value]) => (
          <div key={name} className={css.fact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
