import { measure } from '@/lib/numbers'
import css from './Histogram.module.css'

const WIDTH = 120
const HEIGHT = 22

/** How values lie: bars over their edges, as wide as the edges are apart. */
export function Histogram({ text }: { text: string | null }) {
  const shape = parse(text)
  if (!shape) return <span className="quiet">–</span>
  const { edges, counts } = shape
  const low = edges[0] as number
  const span = (edges.at(-1) as number) - low || 1
  const density = counts.map((count, place) => {
    const width = (edges[place + 1] as number) - (edges[place] as number)
    return width > 0 ? count / width : 0
  })
  const most = Math.max(...density) || 1
  return (
    <svg
      className={css.histogram}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={`From ${measure(low)} to ${measure(low + span)}`}
    >
      <title>{`${measure(low)} to ${measure(low + span)}`}</title>
      {density.map((value, place) => {
        const left = (((edges[place] as number) - low) / span) * WIDTH
        const right = (((edges[place + 1] as number) - low) / span) * WIDTH
        const height = value ? Math.max(1.5, (value / most) ** 0.6 * HEIGHT) : 0
        return (
          <rect
            key={edges[place]}
            x={left}
            y={HEIGHT - height}
            width={Math.max(1, right - left - 0.6)}
            height={height}
          />
        )
      })}
    </svg>
  )
}

function parse(text: string | null): { edges: number[]; counts: number[] } | null {
  if (!text) return null
  try {
    const { edges, counts } = JSON.parse(text)
    const fits = edges.length === counts.length + 1 && counts.length > 0
    return fits && edges.every(Number.isFinite) ? { edges, counts } : null
  } catch {
    return null
  }
}
