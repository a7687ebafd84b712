import { useNow } from '@/lib/hooks'
import { between, duration, exact, relative } from '@/lib/time'

/** A moment: relative, with the exact time in the reader's zone on hover. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow()
  if (!at) return <span className="quiet">–</span>
  return (
    <time dateTime={at} title={exact(at)} style={{ whiteSpace: 'nowrap' }}>
      {relative(at, now)}
    </time>
  )
}

/** How long something took, or has been going on. */
export function Took({
  start,
  end,
  seconds,
  open = false,
}: {
  start?: string | null
  end?: string | null
  seconds?: number | null
  open?: boolean
}) {
  return open ? <Going start={start} /> : duration(seconds ?? between(start, end, 0))
}

function Going({ start }: { start?: string | null }) {
  const now = useNow()
  return <>{duration(between(start, null, now))}</>
}
