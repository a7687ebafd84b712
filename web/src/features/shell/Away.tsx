import { Unplug } from 'lucide-react'
import { useEffect, useState } from 'react'
import css from './Away.module.css'

/** Shorter than this is no news: a server that is restarted is back by then. */
const MOMENT = 1500

/** The server does not answer: what is shown may be old. It comes only after a moment. */
export function Away() {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), MOMENT)
    return () => clearTimeout(timer)
  }, [])
  if (!late) return null
  return (
    <p className={css.away} role="status">
      <Unplug aria-hidden />
      <span>
        <strong>The server does not answer.</strong> What you see is as it was; this page goes on by
        itself when it is back.
      </span>
    </p>
  )
}
