import { Link, type LinkProps } from '@tanstack/react-router'
import type { ButtonHTMLAttributes, ReactNode } from 'react'
import css from './Button.module.css'

type Look = 'plain' | 'main' | 'danger' | 'bare'

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  icon?: ReactNode
}

/** A thing to press: an icon, words, or both (an icon alone needs an aria-label). */
export function Button({ look = 'plain', icon, children, className, ...rest }: Props) {
  const names = [css.button, css[look], children == null && css.square, className]
  return (
    <button type="button" className={names.filter(Boolean).join(' ')} {...rest}>
      {icon}
      {children != null && <span>{children}</span>}
    </button>
  )
}

/** A link that looks like a button, for going somewhere. */
export function ButtonLink({
  look = 'plain',
  icon,
  children,
  ...rest
}: LinkProps & { look?: Look; icon?: ReactNode; children?: ReactNode; 'aria-label'?: string }) {
  return (
    <Link className={`${css.button} ${css[look]} ${children == null ? css.square : ''}`} {...rest}>
      {icon}
      {children != null && <span>{children}</span>}
    </Link>
  )
}
