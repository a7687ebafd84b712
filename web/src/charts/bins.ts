/** Histograms as they are measured: upper edges, and how many lie up to each. */

export interface Bin {
  from: number
  upto: number
  count: number
  density: number
}

/** The bins of a measured histogram; the first has no lower edge and is as wide as the second. */
export function binsOf(text: string | null): Bin[] {
  if (!text) return []
  let shape: { edges: unknown; counts: unknown }
  try {
    shape = JSON.parse(text)
  } catch {
    return []
  }
  const { edges, counts } = shape
  if (!numbers(edges) || !numbers(counts) || edges.length !== counts.length) return []
  const width = edges.length > 1 ? (edges[1] as number) - (edges[0] as number) : 1
  return edges.map((upto, place) => {
    const from = place ? (edges[place - 1] as number) : upto - width
    const count = counts[place] as number
    return { from, upto, count, density: upto > from ? count / (upto - from) : 0 }
  })
}

function numbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite)
}
