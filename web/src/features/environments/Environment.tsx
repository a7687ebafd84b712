import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { ArrowUpToLine, FlaskConical, ShieldCheck, Undo2 } from 'lucide-react'
import { useState } from 'react'
import { history, refs } from '@/api/queries'
import type { Commit } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { PRODUCTION, type Search, useProject } from '@/lib/place'
import { Button } from '@/ui/Button'
import { Empty } from '@/ui/Empty'
import { More, rowsOf } from '@/ui/More'
import { Page, Section } from '@/ui/Page'
import { RunName } from '@/ui/RunName'
import { Tag } from '@/ui/Status'
import { Time } from '@/ui/Time'
import css from './Environment.module.css'
import { Held } from './Held'
import { Promote } from './Promote'
import { RollBack } from './RollBack'

const TONES: Record<string, 'ok' | 'warn' | 'busy' | 'idle'> = {
  publish: 'ok',
  promote: 'busy',
  rollback: 'warn',
}

/** A ref: what it shows since when, and everything it showed before. */
export function Environment() {
  const project = useProject()
  const name = useParams({ strict: false })._splat ?? PRODUCTION
  const found = useInfiniteQuery(history(project, name))
  const ref = useQuery(refs(project)).data?.items.find((item) => item.ref === name)
  const [back, setBack] = useState<{ to?: string } | null>(null)
  const [promoting, setPromoting] = useState(false)
  const commits = rowsOf(found)
  const Icon = name.startsWith('kitchen/') ? FlaskConical : ShieldCheck
  const shows = commits[0]?.tree_of ?? commits[0]?.commit
  return (
    <Page
      title={name}
      head={
        <span className={css.name} data-production={name === PRODUCTION || undefined}>
          <Icon aria-hidden />
          {name}
        </span>
      }
      about={
        ref && (
          <>
            <span>{ref.protected ? 'protected' : `owned by ${ref.owner}`}</span>
            {ref.behind > 0 && <span>{plural(ref.behind, 'commit')} behind its base</span>}
            {ref.expires && (
              <span>
                expires <Time at={ref.expires} />
              </span>
            )}
            <Link
              to="/p/$project/tables"
              params={{ project }}
              search={(before: Search) => ({
                ...before,
                ref: name === PRODUCTION ? undefined : name,
              })}
            >
              its tables
            </Link>
          </>
        )
      }
      actions={
        <>
          {ref?.kind === 'kitchen' && (
            <Button look="main" icon={<ArrowUpToLine />} onClick={() => setPromoting(true)}>
              Promote
            </Button>
          )}
          {commits.length > 1 && (
            <Button look="danger" icon={<Undo2 />} onClick={() => setBack({})}>
              Take the last publish back
            </Button>
          )}
        </>
      }
    >
      {ref?.held.map((held) => (
        <Held key={held} pipeline={held} name={name} />
      ))}
      <Section title="History">
        <More
          query={found}
          empty={<Empty title="Nothing happened here yet." command="galley promote" />}
        >
          {(rows) => (
            <ol className={css.history} aria-label="History">
              {rows.map((commit, place) => (
                <Entry
                  key={commit.commit}
                  commit={commit}
                  name={name}
                  shown={commit.commit === shows}
                  back={
                    place && commit.kind !== 'init' ? () => setBack({ to: commit.commit }) : null
                  }
                />
              ))}
            </ol>
          )}
        </More>
      </Section>
      {promoting && <Promote from={name} close={() => setPromoting(false)} />}
      {back && <RollBack name={name} to={back.to} close={() => setBack(null)} />}
    </Page>
  )
}

function Entry({
  commit,
  name,
  shown,
  back,
}: {
  commit: Commit
  name: string
  shown: boolean
  back: (() => void) | null
}) {
  const project = useProject()
  const state = name === PRODUCTION ? `${PRODUCTION}@${commit.commit}` : `${name}@${commit.commit}`
  return (
    <li className={css.entry} data-kind={commit.kind}>
      <div className={css.line}>
        <Tag tone={TONES[commit.kind] ?? 'idle'}>{commit.kind}</Tag>
        <strong className={css.message}>{commit.message}</strong>
        {shown && <Tag tone="production">shown now</Tag>}
        <span className={css.when}>
          <Time at={commit.created} />
        </span>
      </div>
      <div className={css.facts}>
        <span className="mono">{short(commit.commit)}</span>
        <span>
          by {commit.author}
          {commit.on_behalf_of && ` for ${commit.on_behalf_of}`}
        </span>
        {commit.run && (
          <span>
            run <RunName id={commit.run} />
          </span>
        )}
        {commit.tree_of && (
          <span>
            shows <span className="mono">{short(commit.tree_of)}</span> again
          </span>
        )}
        {commit.tables.length > 0 && (
          <span title={commit.tables.join(', ')}>
            {plural(commit.tables.length, 'table')} changed
          </span>
        )}
        <Link to="/p/$project/tables" params={{ project }} search={{ ref: state }}>
          its tables
        </Link>
        {back && !shown && (
          <button type="button" className={css.back} onClick={back}>
            Return to this
          </button>
        )}
      </div>
    </li>
  )
}
