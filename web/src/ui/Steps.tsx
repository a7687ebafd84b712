import { plural } from '@/lib/numbers'
import { type Tone, toneOf, wordOf } from '@/lib/status'
import css from './Steps.module.css'

const TONES: Tone[] = ['ok', 'warn', 'bad', 'busy', 'idle']

/** How many steps of a run are in which state, as one bar; the words are for those who ask. */
export function Steps({ counts }: { counts: Record<string, number> }) {
  const all = Object.values(counts).reduce((sum, part) => sum + part, 0)
  if (!all) return <span className="quiet">–</span>
  const words = Object.entries(counts).map(([state, part]) => `${part} ${wordOf(state)}`)
  const done = Object.entries(counts).reduce(
    (sum, [state, part]) => (toneOf(state) === 'ok' ? sum + part : sum),
    0,
  )
  return (
    <span className={css.steps} title={`${plural(all, 'step')}: ${words.join(', ')}`}>
      <span className={css.bar} aria-hidden>
        {TONES.map((tone) => {
          const part = Object.entries(counts)
            .filter(([state]) => toneOf(state) === tone)
            .reduce((sum, [, some]) => sum + some, 0)
          return part ? <span key={tone} data-tone={tone} style={{ flexGrow: part }} /> : null
        })}
      </span>
      <span className="soft">
        {done}/{all}
      </span>
    </span>
  )
}
