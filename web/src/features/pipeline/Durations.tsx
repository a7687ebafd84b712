import type { RunRow } from '@/api/types'
import { usual } from '@/lib/band'
import { useProject } from '@/lib/place'
import { duration } from '@/lib/time'
import { Card } from '@/ui/Page'
import { Strip } from '@/ui/Strip'
import css from './Durations.module.css'

/** The latest runs by length, against the band that is usual. */
export function Durations({ runs }: { runs: RunRow[] }) {
  const project = useProject()
  if (!runs.length) return null
  const good = runs.filter((run) => run.state === 'succeeded')
  const band = usual(good.map((run) => run.seconds ?? 0))
  return (
    <Card>
      <div className={css.head}>
        <h2>Lately</h2>
        <p className="soft">
          {good.length} of {runs.length} succeeded
          {band && `, usually in ${duration(band[0])} to ${duration(band[1])}`}
        </p>
      </div>
      <Strip project={project} runs={runs} tall />
    </Card>
  )
}
