import { Check, Copy as CopyIcon } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from './Button'

/** Copies a text, and says that it did; in words where it is more than a name. */
export function Copy({
  text,
  label = 'Copy',
  worded = false,
}: {
  text: string | (() => string)
  label?: string
  worded?: boolean
}) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  const copy = () =>
    navigator.clipboard
      ?.writeText(typeof text === 'string' ? text : text())
      .then(() => setDone(true))
  if (worded) {
    return (
      <Button icon={done ? <Check /> : <CopyIcon />} onClick={copy}>
        {done ? 'Copied' : label}
      </Button>
    )
  }
  return (
    <Button
      look="bare"
      aria-label={done ? 'Copied' : label}
      title={done ? 'Copied' : label}
      icon={done ? <Check /> : <CopyIcon />}
      onClick={copy}
    />
  )
}
