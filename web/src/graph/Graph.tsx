import { Maximize2, Minus, Plus } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useNarrow } from '@/lib/hooks'
import { plural } from '@/lib/numbers'
import { toneOf, wordOf } from '@/lib/status'
import { Button } from '@/ui/Button'
import { Status } from '@/ui/Status'
import { fold, type Node } from './fold'
import css from './Graph.module.css'
import { draw, type Edge } from './layout'

const HEIGHT = 46
const LETTER = 7.3
const ROOM = 30
const ZOOMS = [0.4, 0.5, 0.65, 0.8, 1, 1.25]

/** Steps and what flows between them, left to right, each with its state; a click chooses one. */
export function Graph({
  nodes,
  edges,
  chosen,
  choose,
  label,
  kind = 'step',
}: {
  nodes: Node[]
  edges: Edge[]
  chosen: string | null
  choose: (id: string | null) => void
  label: string
  /** What the nodes are: steps have states, tables need none. */
  kind?: 'step' | 'table'
}) {
  const shown = useMemo(() => fold(nodes, edges, chosen), [nodes, edges, chosen])
  const shape = JSON.stringify([shown.nodes.map((node) => [node.id, nameOf(node)]), shown.edges])
  const drawing = useMemo(
    () =>
      draw(
        shown.nodes.map((node) => ({ id: node.id, width: widthOf(node, kind) })),
        shown.edges,
        HEIGHT,
      ),
    // States change often, the shape hardly: `shape` says what of `shown` matters here.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [shape],
  )
  const frame = useRef<HTMLDivElement>(null)
  const [zoom, setZoom] = useZoom(frame, drawing.width)
  const shownFirst = chosen ?? shown.nodes.find((node) => toneOf(node.state) === 'bad')?.id
  const goal = drawing.boxes.find((box) => box.id === shownFirst)
  useEffect(() => {
    const element = frame.current
    if (!element || !goal) return
    // What it is made from stays in view with it.
    element.scrollLeft = (goal.x + goal.width + ROOM) * zoom - element.clientWidth
    element.scrollTop = (goal.y + HEIGHT / 2) * zoom - element.clientHeight / 2
  }, [goal, zoom])
  const near = new Set(
    chosen
      ? shown.edges
          .filter((edge) => edge.from === chosen || edge.to === chosen)
          .map((edge) => `${edge.from}>${edge.to}`)
      : [],
  )
  const states = new Map(shown.nodes.map((node) => [node.id, node]))
  return (
    <div className={css.graph}>
      <section className={css.frame} ref={frame} tabIndex={0} aria-label={label}>
        <div
          className={css.space}
          style={{ width: drawing.width * zoom, height: drawing.height * zoom }}
        >
          <div
            className={css.stage}
            style={{ scale: String(zoom), width: drawing.width, height: drawing.height }}
          >
            <svg width={drawing.width} height={drawing.height} aria-hidden className={css.wires}>
              <title>Edges</title>
              {drawing.wires.map((wire) => {
                const key = `${wire.from}>${wire.to}`
                return (
                  <path
                    key={key}
                    d={wire.path}
                    data-near={near.has(key) || undefined}
                    data-tone={toneOf(states.get(wire.to)?.state)}
                  />
                )
              })}
            </svg>
            {drawing.boxes.map((box) => {
              const node = states.get(box.id)
              return node ? (
                <button
                  key={box.id}
                  type="button"
                  className={css.node}
                  data-tone={toneOf(node.state)}
                  data-fold={node.holds ? true : undefined}
                  aria-pressed={chosen === box.id}
                  title={node.holds?.join(', ')}
                  style={{ left: box.x, top: box.y, width: box.width, height: HEIGHT }}
                  onClick={() => choose(chosen === box.id ? null : box.id)}
                >
                  <NodeText node={node} kind={kind} />
                </button>
              ) : null
            })}
          </div>
        </div>
      </section>
      <div className={css.tools}>
        <Button look="bare" aria-label="Smaller" icon={<Minus />} onClick={() => setZoom(-1)} />
        <Button look="bare" aria-label="Larger" icon={<Plus />} onClick={() => setZoom(1)} />
        <Button look="bare" aria-label="Fit" icon={<Maximize2 />} onClick={() => setZoom(0)} />
      </div>
    </div>
  )
}

function NodeText({ node, kind }: { node: Node; kind: 'step' | 'table' }) {
  const fails = (node.tests?.fail ?? 0) + (node.tests?.error ?? 0)
  const warns = node.tests?.warn ?? 0
  const passes = node.tests?.pass ?? 0
  return (
    <>
      <span className={css.name}>
        <span className="clip">{nameOf(node)}</span>
        {fails > 0 ? (
          <span
            className={css.tests}
            data-tone="bad"
            title={plural(fails, 'test failed', 'tests failed')}
          >
            ✕ {fails}
          </span>
        ) : warns > 0 ? (
          <span
            className={css.tests}
            data-tone="warn"
            title={plural(warns, 'test warned', 'tests warned')}
          >
            ! {warns}
          </span>
        ) : passes > 0 ? (
          <span
            className={css.tests}
            data-tone="ok"
            title={plural(passes, 'test passed', 'tests passed')}
          >
            ✓ {passes}
          </span>
        ) : null}
      </span>
      <span className={css.state}>
        {node.state ? (
          <Status state={node.state} />
        ) : kind === 'step' ? (
          <span className="quiet">not yet run</span>
        ) : null}
        {node.note && <span className="quiet clip">{node.note}</span>}
      </span>
    </>
  )
}

function nameOf(node: Node): string {
  return node.holds ? plural(node.holds.length, 'step') : node.id
}

function widthOf(node: Node, kind: 'step' | 'table'): number {
  const state = node.state ? wordOf(node.state) : kind === 'step' ? 'not yet run' : ''
  const second = state.length + (node.note?.length ?? 0) * 0.95 + 3
  return Math.round(Math.max(136, (nameOf(node).length + 5) * LETTER, second * LETTER) + 20)
}

function useZoom(frame: React.RefObject<HTMLDivElement | null>, width: number) {
  const [zoom, set] = useState(1)
  // Smaller than this nothing can be read: a phone shows a part of it, to be moved about.
  const least = useNarrow() ? 0.8 : 0.65
  const fitted = useRef(true)
  useEffect(() => {
    const element = frame.current
    if (!element || !width) return
    function fitFrame() {
      if (fitted.current && element) set(Math.min(1, Math.max(least, element.clientWidth / width)))
    }
    fitFrame()
    const watcher = new ResizeObserver(fitFrame)
    watcher.observe(element)
    return () => watcher.disconnect()
  }, [frame, width, least])
  function change(by: -1 | 0 | 1) {
    fitted.current = by === 0
    const room = frame.current?.clientWidth ?? width
    set((before) => {
      if (!by) return Math.min(1, room / width)
      const next =
        by > 0
          ? ZOOMS.find((step) => step > before + 0.01)
          : ZOOMS.findLast((step) => step < before - 0.01)
      return next ?? before
    })
  }
  return [zoom, change] as const
}
