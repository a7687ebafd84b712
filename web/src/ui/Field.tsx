import type { ReactNode } from 'react'
import css from './Field.module.css'

/** A labelled place to write in. */
export function Field({
  label,
  hint,
  children,
}: {
  label: string
  hint?: ReactNode
  children: ReactNode
}) {
  return (
    <label className={css.field}>
      <span className={css.label}>{label}</span>
      {children}
      {hint && <span className={css.hint}>{hint}</span>}
    </label>
  )
}

export const input = css.input as string

/** One of few choices, as a native list. */
export function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: string
  options: [value: string, name: string][]
  onChange: (value: string) => void
}) {
  return (
    <select
      className={css.choice}
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    >
      {options.map(([key, name]) => (
        <option key={key} value={key}>
          {name}
        </option>
      ))}
    </select>
  )
}
