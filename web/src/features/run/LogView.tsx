import { useEffect, useRef, useState } from 'react'
import type { Attempt } from '@/api/types'
import { Choice } from '@/ui/Field'
import css from './LogView.module.css'
import { useLog } from './useLog'

const STREAMS: [string, string][] = [
  ['stdout', 'Output'],
  ['stderr', 'Errors'],
  ['engine', 'Engine'],
]

/** What a step printed, its streams apart, following while it runs. */
export function LogView({
  run,
  step,
  attempts,
  live,
  first,
}: {
  run: string
  step: string
  attempts: Attempt[]
  live: boolean
  /** The stream that is looked at to begin with. */
  first: string
}) {
  const [stream, setStream] = useState(first)
  const [number, setNumber] = useState(attempts.length)
  const log = useLog(run, step, number, stream, live && number === attempts.length)
  const frame = useRef<HTMLPreElement>(null)
  const bottom = useRef(true)
  useEffect(() => {
    if (frame.current && bottom.current) frame.current.scrollTop = frame.current.scrollHeight
  }, [log.text])
  return (
    <div className={css.log}>
      <div className={css.head}>
        <h3>Log</h3>
        <Choice label="Stream" value={stream} onChange={setStream} options={STREAMS} />
        {attempts.length > 1 && (
          <Choice
            label="Attempt"
            value={String(number)}
            onChange={(value) => setNumber(Number(value))}
            options={attempts.map((_, place) => [String(place + 1), `Attempt ${place + 1}`])}
          />
        )}
        {log.following && <span className={css.following}>following</span>}
        {log.cut > 0 && <span className="quiet">the first {log.cut} bytes are not shown</span>}
      </div>
      <pre
        ref={frame}
        className={css.text}
        tabIndex={0}
        onScroll={(event) => {
          const box = event.currentTarget
          bottom.current = box.scrollHeight - box.scrollTop - box.clientHeight < 24
        }}
      >
        {log.text || <span className={css.none}>{log.error ?? 'nothing was printed here'}</span>}
      </pre>
    </div>
  )
}
