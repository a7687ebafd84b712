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
  /** False: it was measured, and what was measured did not get published. */
  published?: boolean
}

const HEIGHT = 132

/**
 * A number over time: a line through what was published, crosses for what was not, and the band
 * in which nine of ten lie. Drag to zoom, double-click to see all.
 */
export function Line({
  points,
  title,
  sync,
  say = measure,
  banded = true,
}: {
  points: Point[]
  title: string
  sync?: string
  say?: (value: number) => string
  /** Whether what is usual is shown: the points are of one kind, and more will come. */
  banded?: boolean
}) {
  const frame = useRef<HTMLDivElement>(null)
  const theme = useTheme()
  useEffect(() => {
    const element = frame.current
    if (!element || !points.length) return
    const sorted = [...points].sort((one, other) => one.at - other.at)
    const plot = new uPlot(
      options(element, sorted, { title, sync, say, banded }),
      [
        sorted.map((point) => point.at / 1000),
        sorted.map((point) => (point.published === false ? null : point.value)),
        sorted.map((point) => (point.published === false ? point.value : null)),
      ],
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
    // `theme` is no value here: the colours are read anew when it changes.
  }, [points, title, sync, say, banded, theme])
  const published = points.filter((point) => point.published !== false)
  const last = (published.length ? published : points).reduce<Point | null>(
    (best, point) => (best && best.at > point.at ? best : point),
    null,
  )
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
  {
    title,
    sync,
    say,
    banded,
  }: {
    title: string
    sync: string | undefined
    say: (value: number) => string
    banded: boolean
  },
): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const values = points.map((point) => point.value)
  const band = !banded
    ? null
    : usual(points.filter((point) => point.published !== false).map((point) => point.value))
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
      x: {
        // Of a single moment uPlot would make up years.
        range: (_, from, upto) =>
          first.at === last.at
            ? [first.at / 1000 - 60, first.at / 1000 + 60]
            : [from - margin, upto + margin],
      },
      y: {
        range: (_, from, upto) =>
          from == null ? [0, 1] : [Math.min(from, low) - room, Math.max(upto, high) + room],
      },
    },
    axes: [
      { ...axis, size: 26, space: 84, values: (_, splits, __, ___, step) => moments(splits, step) },
      { ...axis, size: 62, values: (_, splits) => splits.map((value) => say(value)) },
    ],
    series: [
      {},
      {
        label: title,
        stroke: colour('--accent'),
        width: 1.6,
        spanGaps: true,
        points: { show: true, size: 6, fill: colour('--accent') },
      },
      {
        label: 'not published',
        stroke: colour('--bad'),
        paths: () => null,
        points: { show: true, size: 8, width: 1.6, fill: colour('--surface') },
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

/** Ticks in the reader's zone: the day where days apart, else the time, the day with the first. */
function moments(splits: number[], step: number): string[] {
  return splits.map((at, place) => {
    const moment = new Date(at * 1000)
    const other = !place && moment.getFullYear() !== new Date().getFullYear()
    const day = moment.toLocaleDateString(undefined, {
      month: 'short',
      day: 'numeric',
      year: other ? 'numeric' : undefined,
    })
    if (step >= 86_400) return day
    const time = moment.toLocaleTimeString(undefined, {
      hour: '2-digit',
      minute: '2-digit',
      second: step < 60 ? '2-digit' : undefined,
      hourCycle: 'h23',
    })
    return place ? time : `${day} ${time}`
  })
}
