/** Left to right, orthogonal: columns by dagre, edges through the gaps between the columns. */

import { layout as arrange, Graph } from '@dagrejs/dagre'

export interface Box {
  id: string
  x: number
  y: number
  width: number
  height: number
}

export interface Wire {
  from: string
  to: string
  path: string
}

export interface Drawing {
  boxes: Box[]
  wires: Wire[]
  width: number
  height: number
}

export interface Edge {
  from: string
  to: string
}

/** The edges between steps; those that come from outside the project have no step to start at. */
export function stepEdges(edges: { from: string | null; to: string }[]): Edge[] {
  return edges.flatMap(({ from, to }) => (from ? [{ from, to }] : []))
}

const GAP = 52
const BETWEEN = 16
const MARGIN = 12
const BEND = 7

/** Where every box stands and how every edge runs; boxes come as id and width. */
export function draw(
  sizes: { id: string; width: number }[],
  edges: Edge[],
  height: number,
): Drawing {
  if (!sizes.length) return { boxes: [], wires: [], width: 0, height: 0 }
  const graph = new Graph({ multigraph: false })
  graph.setGraph({
    rankdir: 'LR',
    nodesep: BETWEEN,
    ranksep: GAP,
    marginx: MARGIN,
    marginy: MARGIN,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  const known = new Set(sizes.map((size) => size.id))
  for (const { id, width } of sizes) graph.setNode(id, { width, height })
  const kept = edges.filter((edge) => known.has(edge.from) && known.has(edge.to))
  for (const { from, to } of kept) graph.setEdge(from, to)
  arrange(graph)
  const boxes = sizes.map(({ id, width }) => {
    const node = graph.node(id) as { x: number; y: number }
    return { id, width, height, x: node.x, y: node.y }
  })
  const columns = columnsOf(boxes)
  for (const box of boxes) box.x = columnAt(columns, box.x).left
  const lanes = new Map<number, string[]>()
  const wires = kept.map((edge) => {
    const points = (graph.edge(edge.from, edge.to) as { points: Point[] }).points
    return { ...edge, path: route(edge, boxes, columns, points, lanes) }
  })
  const last = columns.at(-1)
  return {
    boxes: boxes.map((box) => ({ ...box, y: box.y - height / 2 })),
    wires,
    width: (last ? last.left + last.width : 0) + MARGIN,
    height: Math.max(...boxes.map((box) => box.y + height / 2)) + MARGIN,
  }
}

interface Point {
  x: number
  y: number
}

interface Column {
  x: number
  left: number
  width: number
}

function columnsOf(boxes: Box[]): Column[] {
  const found: Column[] = []
  for (const box of [...boxes].sort((one, other) => one.x - other.x)) {
    const last = found.at(-1)
    if (last && Math.abs(last.x - box.x) < 2) last.width = Math.max(last.width, box.width)
    else found.push({ x: box.x, left: 0, width: box.width })
  }
  let left = MARGIN
  for (const column of found) {
    column.left = left
    left += column.width + GAP
  }
  return found
}

function columnAt(columns: Column[], x: number): Column {
  const near = (column: Column) => Math.abs(column.x - x)
  return columns.reduce((best, column) => (near(column) < near(best) ? column : best))
}

/** Straight across every column that is passed, and up or down in the gaps between them. */
function route(
  edge: Edge,
  boxes: Box[],
  columns: Column[],
  points: Point[],
  lanes: Map<number, string[]>,
): string {
  const source = boxes.find((box) => box.id === edge.from) as Box
  const target = boxes.find((box) => box.id === edge.to) as Box
  const first = columns.findIndex((column) => column.left === source.x)
  const last = columns.findIndex((column) => column.left === target.x)
  const corners: Point[] = [{ x: source.x + source.width, y: source.y }]
  let y = source.y
  for (let place = first; place < last; place += 1) {
    const column = columns[place + 1] as Column
    const next =
      place + 1 === last
        ? target.y
        : (points.find((point) => Math.abs(point.x - column.x) < 2)?.y ?? y)
    if (Math.abs(next - y) > 0.5) {
      const x = lane(lanes, place, edge.from, column.left)
      corners.push({ x, y }, { x, y: next })
      y = next
    }
  }
  corners.push({ x: target.x, y: target.y })
  return rounded(corners)
}

/** One lane of a gap for all edges of a source, so that they run together. */
function lane(lanes: Map<number, string[]>, gap: number, source: string, right: number): number {
  const taken = lanes.get(gap) ?? []
  lanes.set(gap, taken)
  if (!taken.includes(source)) taken.push(source)
  const place = taken.indexOf(source) % 6
  return right - GAP / 2 + (place % 2 ? 1 : -1) * Math.ceil(place / 2) * 6
}

function rounded(corners: Point[]): string {
  const [start, ...rest] = corners as [Point, ...Point[]]
  let path = `M${start.x} ${start.y}`
  let before = start
  rest.forEach((corner, place) => {
    const after = rest[place + 1]
    if (!after) path += `L${corner.x} ${corner.y}`
    else {
      const into = toward(corner, before)
      const out = toward(corner, after)
      path += `L${into.x} ${into.y}Q${corner.x} ${corner.y} ${out.x} ${out.y}`
    }
    before = corner
  })
  return path
}

function toward(from: Point, to: Point): Point {
  const size = Math.hypot(to.x - from.x, to.y - from.y) || 1
  const by = Math.min(BEND, size / 2) / size
  return { x: from.x + (to.x - from.x) * by, y: from.y + (to.y - from.y) * by }
}
