import { QueryClient } from '@tanstack/react-query'
import { describe, expect, it, vi } from 'vitest'
import { renewer } from '@/api/events'
import { binsOf } from '@/charts/bins'
import { fold, LIMIT } from '@/graph/fold'
import { draw } from '@/graph/layout'
import { quantile, usual } from '@/lib/band'
import { csvOf } from '@/lib/csv'
import { byColumn } from '@/lib/measured'
import { weeksOf } from '@/lib/days'
import { bytes, change, count } from '@/lib/numbers'
import { nextOrder, ordered } from '@/lib/order'
import { rank } from '@/lib/search'
import { toneOf, worst } from '@/lib/status'
import { duration, relative } from '@/lib/time'
import { sentence } from '@/lib/words'

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
    expect(relative('2026-01-08T11:59:00Z', now)).toBe('in 7 d')
    expect(relative('2026-01-01T12:59:50Z', now)).toBe('in 1 h')
    expect(relative('2025-12-25T12:01:00Z', now)).toBe('6 d ago')
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
  it('are acted on at once, then ever more rarely while they keep coming', () => {
    vi.useFakeTimers()
    const asked: string[] = []
    const renew = renewer({
      invalidateQueries: async (filters) => void asked.push(String(filters?.queryKey?.join(' '))),
      setQueriesData: () => [],
    })
    const times = () => asked.filter((key) => key === 'run r1').length
    renew({ run: 'r1', kind: 'step.running' })
    expect(times()).toBe(1)
    for (let place = 0; place < 100; place += 1) {
      renew({ run: 'r1', kind: 'step.running' })
      vi.advanceTimersByTime(100)
    }
    expect(times()).toBeLessThan(10)
    renew({ run: 'r1', kind: 'run.succeeded' })
    const before = times()
    vi.advanceTimersByTime(10_000)
    expect(times()).toBe(before)
    renew.stop()
    vi.useRealTimers()
  })

  it('show a state where it stands, without being asked for', () => {
    const client = new QueryClient()
    client.setQueryData(['run', 'r1', {}], {
      steps: [{ name: 'a', state: 'ready' }, { name: 'b' }],
    })
    const renew = renewer(client)
    renew({ run: 'r1', kind: 'step.running', step: 'a' })
    renew.stop()
    expect(client.getQueryData(['run', 'r1', {}])).toEqual({
      steps: [{ name: 'a', state: 'running' }, { name: 'b' }],
    })
  })
})

describe('days with runs', () => {
  const at = (day: number, state: string, seconds: number, cause = 'manual') => ({
    run: `${day} ${seconds}`,
    state,
    cause,
    created: new Date(2026, 2, day, 23, 30).toISOString(),
    seconds,
  })

  it('are told by the worst of them, across the change of the clock, with today last', () => {
    const runs = [at(29, 'succeeded', 2), at(29, 'failed', 9), at(30, 'succeeded', 3)]
    const weeks = weeksOf(runs, new Date(2026, 3, 1, 1), 2)
    expect(weeks.map((week) => week.filter(Boolean).length)).toEqual([7, 3])
    expect(weeks[0]?.[6]).toMatchObject({ key: '2026-03-29', runs: 2, state: 'failed', longest: 9 })
    expect(weeks[1]?.[0]).toMatchObject({ key: '2026-03-30', runs: 1, unusual: false })
    expect(weeks[1]?.[2]?.key).toBe('2026-04-01')
  })

  it('are unusual where a run that succeeded took far longer than nine of ten', () => {
    const calm = Array.from({ length: 20 }, (_, n) => at(1 + n, 'succeeded', 5))
    const weeks = weeksOf([...calm, at(27, 'succeeded', 60)], new Date(2026, 2, 29), 4)
    expect(weeks.flat().filter((day) => day?.unusual)).toMatchObject([{ key: '2026-03-27' }])
  })

  it('name promotions, however long those take', () => {
    const calm = Array.from({ length: 20 }, (_, n) => at(1 + n, 'succeeded', 5))
    const runs = [...calm, at(27, 'succeeded', 60, 'promotion')]
    const marked = weeksOf(runs, new Date(2026, 2, 29), 4).flat()
    expect(marked.filter((day) => day?.promotions)).toMatchObject([
      { key: '2026-03-27', promotions: 1, unusual: false },
    ])
  })
})

it('a measure of the whole table is shown before those of its windows', () => {
  const one = (value: number, window: string | null) =>
    ({ column: 'fare', name: 'mean', value, window }) as Parameters<typeof byColumn>[0][number]
  const found = byColumn([one(1, 'a'), one(2, null), one(3, 'b')])
  expect(found.get('fare')?.get('mean')?.value).toBe(2)
})

describe('what somebody asked for', () => {
  it('orders rows, and keeps what is not known at the end either way', () => {
    const rows = [{ n: 2 }, { n: null }, { n: 10 }]
    const by = (row: { n: number | null }) => row.n
    expect(ordered(rows, by, false).map(by)).toEqual([2, 10, null])
    expect(ordered(rows, by, true).map(by)).toEqual([10, 2, null])
    expect(nextOrder('', 'rows', true)).toBe('-rows')
    expect(nextOrder('rows', 'rows', true)).toBeUndefined()
  })

  it('is copied as spreadsheets read it', () => {
    const rows = [
      { a: 'x, "y"', b: null },
      { a: 1, b: [2] },
    ]
    expect(csvOf(['a', 'b'], rows)).toBe('a,b\r\n"x, ""y""",\r\n1,[2]')
  })

  it('says sentences with a capital, and names as they are', () => {
    expect(sentence('there is no run x')).toBe('There is no run x')
    expect(sentence('flights has no column x')).toBe('flights has no column x')
    expect(sentence('galley promote')).toBe('galley promote')
  })
})
