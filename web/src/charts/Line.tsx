import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { usual } from '@/lib/band'
import { measure } from '@/lib/numbers'
import { useTheme } from '@/lib/theme'
import css from './Line.module.css'

export interface Point {
  /** Milliseconds. */
  at: number
  value: number
}

const HEIGHT = 132

/** A number over time: points, a line, and the band in which nine of ten lie. Drag to zoom. */
export function Line({
  points,
  title,
  sync,
  say = measure,
}: {
  points: Point[]
  title: string
  sync?: string
  say?: (value: number) => string
}) {
  const frame = useRef<HTMLDivElement>(null)
  const theme = useTheme()
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read when the theme changes
  useEffect(() => {
    const element = frame.current
    if (!element || !points.length) return
    const sorted = [...points].sort((one, other) => one.at - other.at)
    const plot = new uPlot(
      options(element, sorted, title, sync, say),
      [sorted.map((point) => point.at / 1000), sorted.map((point) => point.value)],
      element,
    )
    const watcher = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    watcher.observe(element)
    return () => {
      watcher.disconnect()
      plot.destroy()
    }
  }, [points, title, sync, theme])
  const last = points.reduce<Point | null>((best, point) => (best && best.at > point.at ? best : point), null)
  return (
    <figure className={css.chart}>
      <figcaption className={css.head}>
        <span>{title}</span>
        <strong>{last ? say(last.value) : '–'}</strong>
      </figcaption>
      <div ref={frame} className={css.frame} />
    </figure>
  )
}

function options(
  element: HTMLElement,
  points: Point[],
  title: string,
  sync: string | undefined,
  say: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const values = points.map((point) => point.value)
  const band = usual(values)
  const low = Math.min(...values)
  const high = Math.max(...values)
  const room = (high - low || Math.abs(high) || 1) * 0.15
  const first = points[0] as Point
  const last = points.at(-1) as Point
  const margin = Math.max(60, ((last.at - first.at) / 1000) * 0.04)
  const axis: uPlot.Axis = {
    stroke: colour('--ink-3'),
    font: `11px ${colour('--sans')}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: sync ? { key: sync } : undefined, y: false, points: { size: 8 } },
    scales: {
      x: { range: (_, from, upto) => (from === upto ? [from - 60, upto + 60] : [from - margin, upto + margin]) },
      y: { range: (_, from, upto) => (from == null ? [0, 1] : [Math.min(from, low) - room, Math.max(upto, high) + room]) },
    },
    axes: [
      { ...axis, space: 90 },
      { ...axis, size: 62, values: (_, splits) => splits.map((value) => say(value)) },
    ],
    series: [
      {},
      {
        label: title,
        stroke: colour('--accent'),
        width: 1.6,
        points: { show: true, size: 6, fill: colour('--accent') },
      },
    ],
    hooks: {
      drawClear: band
        ? [
            (plot) => {
              const top = plot.valToPos(band[1], 'y', true)
              const bottom = plot.valToPos(band[0], 'y', true)
              plot.ctx.fillStyle = colour('--sunken')
              plot.ctx.fillRect(plot.bbox.left, top, plot.bbox.width, Math.max(1, bottom - top))
            },
          ]
        : [],
    },
  }
}
