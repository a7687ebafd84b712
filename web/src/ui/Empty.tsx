import type { ReactNode } from 'react'
import { Copy } from './Copy'
import css from './Empty.module.css'

/** Where there is nothing yet: says so, and teaches the command that makes something. */
export function Empty({
  title,
  children,
  command,
}: {
  title: string
  children?: ReactNode
  command?: string
}) {
  return (
    <div className={css.empty}>
      <p className={css.title}>{title}</p>
      {children && <p className="soft">{children}</p>}
      {command && (
        <div className={css.command}>
          <code>
            <span className={css.prompt}>$ </span>
            {command}
          </code>
          <Copy text={command} label="Copy the command" />
        </div>
      )}
    </div>
  )
}
