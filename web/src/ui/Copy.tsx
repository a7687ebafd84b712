import { Check, Copy as CopyIcon } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from './Button'

/** Copies a text, and says that it did. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <Button
      look="bare"
      aria-label={done ? 'Copied' : label}
      title={done ? 'Copied' : label}
      icon={done ? <Check /> : <CopyIcon />}
      onClick={() => navigator.clipboard?.writeText(text).then(() => setDone(true))}
    />
  )
}
