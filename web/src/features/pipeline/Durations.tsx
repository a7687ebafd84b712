import type { Pipeline } from '@/api/types'
import { usual } from '@/lib/band'
import { useProject } from '@/lib/place'
import { isOpen } from '@/lib/status'
import { duration } from '@/lib/time'
import { Facts } from '@/ui/Facts'
import { Card } from '@/ui/Page'
import { Strip } from '@/ui/Strip'
import { Time } from '@/ui/Time'
import css from './Durations.module.css'

/** The latest runs by length, against the band that is usual. */
export function Durations({ line }: { line: Pipeline }) {
  const project = useProject()
  const runs = line.history
  if (!runs.length && !line.schedule) return null
  const ended = runs.filter((run) => !isOpen(run.state))
  const good = runs.filter((run) => run.state === 'succeeded')
  // A promotion takes as long as all pipelines together.
  const alone = good.filter((run) => run.pipeline === line.name)
  const band = usual(alone.map((run) => run.seconds ?? 0))
  const published = runs.find((run) => run.published)
  return (
    <Card>
      <div className={css.row}>
        <div className={css.strip}>
          <Strip project={project} runs={runs} tall />
        </div>
        <div className={css.facts}>
          <Facts
            of={[
              ['Succeeded lately', ended.length > 0 && `${good.length} of ${ended.length}`],
              ['Took last', ended.length > 0 && duration(ended[0]?.seconds)],
              ['Usually takes', band && `${duration(band[0])} to ${duration(band[1])}`],
              ['Published last', published && <Time at={published.created} />],
              ['Runs by itself', line.schedule],
              ['Runs next', line.next && <Time at={line.next} />],
            ]}
          />
        </div>
      </div>
    </Card>
  )
}
