import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { tests as testsQuery } from '@/api/queries'
import type { Pipeline, StepDefinition } from '@/api/types'
import { Graph } from '@/graph/Graph'
import { stepEdges } from '@/graph/layout'
import { useNow } from '@/lib/hooks'
import { type Search, useProject } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { between, duration, relative } from '@/lib/time'

/** The graph with what every step did last, or is doing now. */
export function LiveGraph({ line, chosen }: { line: Pipeline; chosen: string | null }) {
  const navigate = useNavigate()
  const now = useNow()
  const project = useProject()
  const tests = useQuery(testsQuery(project, line.ref)).data ?? []
  const verdicts = new Map<string, Record<string, number>>()
  for (const test of tests) {
    if (!test.step || !test.last) continue
    const counts = verdicts.get(test.step) ?? {}
    counts[test.last.verdict] = (counts[test.last.verdict] ?? 0) + 1
    verdicts.set(test.step, counts)
  }
  return (
    <Graph
      label={`Graph of ${line.name}`}
      nodes={line.steps.map((step) => ({
        id: step.name,
        state: step.last?.state ?? null,
        note: noteOf(step, now),
        tests: verdicts.get(step.name),
      }))}
      edges={stepEdges(line.edges)}
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

/** "5 min ago", or for how long it has been going on. */
function noteOf(step: StepDefinition, now: number): string | undefined {
  const last = step.last
  if (!last) return undefined
  if (isOpen(last.state))
    return last.started ? duration(between(last.started, null, now)) : undefined
  return last.finished ? relative(last.finished, now) : undefined
}
