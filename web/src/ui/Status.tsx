import {
  Ban,
  Check,
  CircleDashed,
  CircleSlash2,
  Clock,
  Loader,
  type LucideIcon,
  Minus,
  Pause,
  Recycle,
  RotateCw,
  TriangleAlert,
  X,
} from 'lucide-react'
import { toneOf, wordOf } from '@/lib/status'
import css from './Status.module.css'

const ICONS: Record<string, LucideIcon> = {
  queued: Clock,
  ready: Clock,
  waiting: CircleDashed,
  running: Loader,
  claimed: Loader,
  publishing: Loader,
  staged: Check,
  paused: Pause,
  parked: Pause,
  retry_wait: RotateCw,
  reused: Recycle,
  skipped: CircleSlash2,
  cancelled: CircleSlash2,
  superseded: CircleSlash2,
  blocked: Ban,
  upstream_failed: Minus,
  not_evaluated: CircleDashed,
  untested: TriangleAlert,
  stale: Clock,
}

const BY_TONE = { ok: Check, warn: TriangleAlert, bad: X, busy: Loader, idle: CircleDashed }

/** A state by shape, word and colour together; `bare` keeps only the shape, its word for readers. */
export function Status({
  state,
  word,
  bare = false,
  title,
}: {
  state: string
  word?: string
  bare?: boolean
  title?: string
}) {
  const tone = toneOf(state)
  const Icon = ICONS[state] ?? BY_TONE[tone]
  const text = word ?? wordOf(state)
  return (
    <span className={`${css.status} ${css[tone]}`} title={title ?? (bare ? text : undefined)}>
      <Icon
        aria-hidden
        className={tone === 'busy' && state !== 'staged' ? css.turning : undefined}
      />
      <span className={bare ? 'sr' : undefined}>{text}</span>
    </span>
  )
}

/** A state as a filled badge, for headers. */
export function Badge({ state, word, title }: { state: string; word?: string; title?: string }) {
  return (
    <span title={title} className={`${css.badge} ${css[`${toneOf(state)}Soft`]}`}>
      <Status state={state} word={word} />
    </span>
  )
}

/** A small mark beside a name: "untested", "blocks", "reused". */
export function Tag({
  children,
  tone = 'idle',
  title,
}: {
  children: React.ReactNode
  tone?: 'ok' | 'warn' | 'bad' | 'busy' | 'idle' | 'production'
  title?: string
}) {
  return (
    <span className={`${css.tag} ${css[`${tone}Soft`]} ${css[tone]}`} title={title}>
      {children}
    </span>
  )
}
