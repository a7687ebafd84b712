import { measure } from '@/lib/numbers'
import { binsOf } from './bins'
import css from './Histogram.module.css'

const WIDTH = 120
const HEIGHT = 22

/** How values lie: as many to a unit of length as the bar is high (by its square root). */
export function Histogram({ text }: { text: string | null }) {
  const bins = binsOf(text)
  const first = bins[0]
  const last = bins.at(-1)
  if (!first || !last) return <span className="quiet">–</span>
  const span = last.upto - first.from || 1
  const most = Math.max(...bins.map((bin) => bin.density)) || 1
  const said = `up to ${measure(first.upto)} … ${measure(last.upto)}`
  return (
    <svg className={css.histogram} width={WIDTH} height={HEIGHT} role="img" aria-label={said}>
      <title>{said}</title>
      {bins.map((bin) => {
        const height = bin.count ? Math.max(1.5, Math.sqrt(bin.density / most) * HEIGHT) : 0
        return (
          <rect
            key={bin.upto}
            x={((bin.from - first.from) / span) * WIDTH}
            y={HEIGHT - height}
            width={Math.max(1, ((bin.upto - bin.from) / span) * WIDTH - 0.6)}
            height={height}
          />
        )
      })}
    </svg>
  )
}
