/** A graph of more steps than one can take in: what needs no look is folded by column. */

import { toneOf } from '@/lib/status'
import type { Edge } from './layout'

export interface Node {
  id: string
  state: string | null
  note?: string
  tests?: Record<string, number>
  /** Set on a fold: what it stands for. */
  holds?: string[]
}

export const LIMIT = 60

/** How many edges lie at most before each node. */
export function depths(ids: readonly string[], edges: readonly Edge[]): Map<string, number> {
  const before = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const edge of edges) before.get(edge.to)?.push(edge.from)
  const found = new Map<string, number>()
  function depth(id: string): number {
    const known = found.get(id)
    if (known !== undefined) return known
    found.set(id, 0)
    const own = Math.max(-1, ...(before.get(id) ?? []).map(depth)) + 1
    found.set(id, own)
    return own
  }
  for (const id of ids) depth(id)
  return found
}

/** Folds calm nodes of one column and state into one; the chosen and the troubled stay. */
export function fold(
  nodes: Node[],
  edges: Edge[],
  chosen: string | null,
): { nodes: Node[]; edges: Edge[] } {
  if (nodes.length <= LIMIT) return { nodes, edges }
  const depth = depths(
    nodes.map((node) => node.id),
    edges,
  )
  const groups = new Map<string, Node[]>()
  const stays = (node: Node) =>
    node.id === chosen || ['bad', 'busy', 'warn'].includes(toneOf(node.state))
  for (const node of nodes) {
    const key = stays(node) ? node.id : `${depth.get(node.id)} ${node.state ?? ''}`
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  const home = new Map<string, string>()
  const folded = [...groups].map(([key, held]): Node => {
    const single = held.length === 1 ? held[0] : undefined
    const id = single ? single.id : `fold ${key}`
    for (const node of held) home.set(node.id, id)
    return single ?? { id, state: held[0]?.state ?? null, holds: held.map((node) => node.id) }
  })
  const pairs = new Map<string, Edge>()
  for (const edge of edges) {
    const from = home.get(edge.from)
    const to = home.get(edge.to)
    if (from && to && from !== to) pairs.set(`${from}>${to}`, { from, to })
  }
  return { nodes: folded, edges: [...pairs.values()] }
}
