import { useEffect, useState } from 'react'
import { address } from '@/api/client'

const SHOWN = 262_144

interface Log {
  text: string
  following: boolean
  cut: number
  error: string | null
}

const NOTHING: Log = { text: '', following: false, cut: 0, error: null }

/** The end of a log, and what is printed from now on while its step runs. */
export function useLog(
  run: string,
  step: string,
  attempt: number,
  stream: string,
  follow: boolean,
): Log {
  const [log, setLog] = useState(NOTHING)
  useEffect(() => {
    setLog(NOTHING)
    const path = `/runs/${encodeURIComponent(run)}/logs`
    const wish = { step, attempt, stream }
    const stop = new AbortController()
    const take = (text: string) =>
      setLog((before) => ({ ...before, text: (before.text + text).slice(-SHOWN) }))
    if (follow) {
      const source = new EventSource(address(path, { ...wish, follow: 1 }))
      source.onopen = () => setLog({ ...NOTHING, following: true })
      source.onmessage = (message) => take(JSON.parse(message.data).text)
      source.addEventListener('end', () => {
        source.close()
        setLog((before) => ({ ...before, following: false }))
      })
      return () => source.close()
    }
    fetch(address(path, wish), { signal: stop.signal })
      .then(async (answer) => {
        if (answer.ok) take(await answer.text())
        else setLog({ ...NOTHING, error: `The log cannot be read (${answer.status}).` })
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setLog({ ...NOTHING, error: String(error) })
      })
    return () => stop.abort()
  }, [run, step, attempt, stream, follow])
  return log
}
