import { useNavigate } from '@tanstack/react-router'
import type { Run } from '@/api/types'
import { Graph } from '@/graph/Graph'
import { stepEdges } from '@/graph/layout'
import type { Search } from '@/lib/place'
import { duration } from '@/lib/time'

/** The pipeline's graph with what this run did in it. */
export function RunGraph({ run, chosen }: { run: Run; chosen: string | null }) {
  const navigate = useNavigate()
  const tests = new Map<string, Record<string, number>>()
  for (const test of run.tests) {
    const counts = tests.get(test.step) ?? {}
    counts[test.verdict] = (counts[test.verdict] ?? 0) + 1
    tests.set(test.step, counts)
  }
  const nodes = run.steps.map((step) => ({
    id: step.name,
    state: step.state,
    note: step.seconds == null ? undefined : duration(step.seconds),
    tests: tests.get(step.name),
  }))
  return (
    <Graph
      label={`Graph of run ${run.run}`}
      nodes={nodes}
      edges={stepEdges(run.edges)}
      chosen={chosen}
      choose={(step) =>
        navigate({
          to: '.',
          search: (before: Search) => ({ ...before, step: step ?? undefined }),
          replace: true,
          resetScroll: false,
        })
      }
    />
  )
}
