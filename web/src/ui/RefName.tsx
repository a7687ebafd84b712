import { Link } from '@tanstack/react-router'
import { FlaskConical, ShieldCheck, Tag } from 'lucide-react'
import { PRODUCTION, useProject } from '@/lib/place'
import css from './RefName.module.css'

/** A ref by its name and kind, leading to its history. */
export function RefName({ name }: { name: string }) {
  const project = useProject()
  const Icon = name.startsWith('kitchen/')
    ? FlaskConical
    : name.startsWith('tag/')
      ? Tag
      : ShieldCheck
  return (
    <Link
      to="/p/$project/environments/$"
      params={{ project, _splat: name }}
      className={css.ref}
      data-production={name === PRODUCTION || undefined}
    >
      <Icon aria-hidden />
      <span className="clip">{name}</span>
    </Link>
  )
}
