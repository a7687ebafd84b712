import { describe, expect, it } from 'vitest'
import { renewer } from '@/api/events'
import { binsOf } from '@/charts/bins'
import { fold, LIMIT } from '@/graph/fold'
import { draw } from '@/graph/layout'
import { quantile, usual } from '@/lib/band'
import { bytes, change, count } from '@/lib/numbers'
import { rank } from '@/lib/search'
import { toneOf, worst } from '@/lib/status'
import { duration, relative } from '@/lib/time'

describe('numbers and times', () => {
  it('says sizes in binary units and nothing for what was not counted', () => {
    expect([bytes(1023), bytes(1536), bytes(50 * 1024), bytes(null)]).toEqual([
      '1023 B',
      '1.5 KiB',
      '50 KiB',
      '–',
    ])
    expect([count(336776), change(10, 7), change(7, 7)]).toEqual(['336,776', '−3', ''])
  })

  it('says lengths by what is worth saying', () => {
    expect([0.0123, 3.21, 59.6, 250, 3600, 7500].map(duration)).toEqual([
      '12 ms',
      '3.2 s',
      '1 min',
      '4 min 10 s',
      '1 h',
      '2 h 5 min',
    ])
  })

  it('says moments relatively, either way', () => {
    const now = Date.parse('2026-01-01T12:00:00Z')
    expect(relative('2026-01-01T11:59:57Z', now)).toBe('just now')
    expect(relative('2026-01-01T11:59:21Z', now)).toBe('30 s ago')
    expect(relative('2026-01-01T15:00:00Z', now)).toBe('in 3 h')
  })

  it('finds quantiles as everybody does, and no band of too few', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(usual([1, 2, 3])).toBeNull()
    expect(usual([1, 2, 3, 4, 5])).toEqual([1.2, 4.8])
  })
})

describe('states', () => {
  it('shows the worst, and never a state that is not known as good', () => {
    expect(worst(['pass', 'warn', 'pass'])).toBe('warn')
    expect(worst(['succeeded', 'running', 'failed'])).toBe('failed')
    expect(toneOf('something new')).toBe('idle')
  })
})

describe('search', () => {
  it('puts what begins so first, then parts, then scattered letters', () => {
    const names = ['worst_delay', 'delays', 'daily', 'raw_flights']
    expect(rank(names, 'dela', (name) => name)).toEqual(['delays', 'worst_delay'])
    expect(rank(names, 'rfl', (name) => name)).toEqual(['raw_flights'])
  })
})

describe('graphs', () => {
  const edges = [
    { from: 'a', to: 'b' },
    { from: 'b', to: 'c' },
    { from: 'a', to: 'c' },
  ]

  it('runs from left to right, and every edge begins and ends at a box', () => {
    const drawing = draw(
      ['a', 'b', 'c'].map((id) => ({ id, width: 100 })),
      edges,
      40,
    )
    const left = Object.fromEntries(drawing.boxes.map((box) => [box.id, box.x]))
    expect(left.a).toBeLessThan(left.b as number)
    expect(left.b).toBeLessThan(left.c as number)
    for (const wire of drawing.wires) {
      const target = drawing.boxes.find((box) => box.id === wire.to)
      expect(wire.path.endsWith(`L${target?.x} ${(target?.y ?? 0) + 20}`)).toBe(true)
    }
  })

  it('folds what is calm above the limit, and keeps what is not', () => {
    const nodes = Array.from({ length: LIMIT + 20 }, (_, place) => ({
      id: `s${place}`,
      state: place === 7 ? 'failed' : 'succeeded',
    }))
    const many = nodes.slice(1).map((node) => ({ from: 's0', to: node.id }))
    const folded = fold(nodes, many, 's9')
    const ids = folded.nodes.map((node) => node.id)
    expect(ids).toContain('s7')
    expect(ids).toContain('s9')
    expect(folded.nodes).toHaveLength(4)
    expect(folded.edges).toHaveLength(3)
  })
})

describe('histograms', () => {
  it('reads upper edges, and nothing from what is none', () => {
    const bins = binsOf('{"edges":[1,3,4],"counts":[2,4,2]}')
    expect(bins.map((bin) => [bin.from, bin.upto, bin.density])).toEqual([
      [-1, 1, 1],
      [1, 3, 2],
      [3, 4, 2],
    ])
    expect(binsOf('{"edges":[1],"counts":[]}')).toEqual([])
    expect(binsOf('nonsense')).toEqual([])
  })
})

describe('events', () => {
  it('acts on the first at once and on a burst once more', async () => {
    const asked: string[] = []
    const renew = renewer({
      invalidateQueries: async (filters) => void asked.push(String(filters?.queryKey?.join(' '))),
    })
    for (let place = 0; place < 50; place += 1) renew({ run: 'r1', kind: 'step.running' })
    expect(asked.filter((key) => key === 'run r1')).toHaveLength(1)
    await new Promise((done) => setTimeout(done, 300))
    expect(asked.filter((key) => key === 'run r1')).toHaveLength(2)
    renew.stop()
  })
})
