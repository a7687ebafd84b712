import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, useMemo, useState } from 'react'
import { pipelines, refs, runs, tables } from '@/api/queries'
import { short } from '@/lib/numbers'
import { usePlace } from '@/lib/place'
import { rank } from '@/lib/search'
import { Dialog } from '@/ui/Dialog'
import { input } from '@/ui/Field'
import { Status } from '@/ui/Status'
import css from './Palette.module.css'
import { PAGES } from './pages'

interface Hit {
  kind: string
  name: string
  aside?: React.ReactNode
  go: { to: string; params: Record<string, string> }
}

const SHOWN = 12

/** Search over everything that has a name; Enter goes there. */
export function Palette({ project, close }: { project: string; close: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const navigate = useNavigate()
  const all = useHits(project)
  const hits = useMemo(() => rank(all, text, (hit) => hit.name).slice(0, SHOWN), [all, text])
  function open(hit: Hit | undefined) {
    if (!hit) return
    close()
    navigate(hit.go)
  }
  function onKey(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) {
      event.preventDefault()
      setAt((before) => Math.max(0, Math.min(hits.length - 1, before + step)))
    } else if (event.key === 'Enter') open(hits[at])
  }
  return (
    <Dialog open close={close} title="Search">
      <input
        autoFocus
        className={input}
        placeholder="A pipeline, table, ref, run or page"
        aria-label="Search"
        role="combobox"
        aria-expanded={hits.length > 0}
        aria-controls="hits"
        aria-activedescendant={hits[at] ? `hit-${at}` : undefined}
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={onKey}
      />
      <div id="hits" role="listbox" aria-label="Found" className={css.hits}>
        {hits.map((hit, place) => (
          <div
            key={`${hit.kind} ${hit.name}`}
            id={`hit-${place}`}
            role="option"
            tabIndex={-1}
            aria-selected={place === at}
            className={css.hit}
            onClick={() => open(hit)}
          >
            <span className={css.kind}>{hit.kind}</span>
            <span className="clip">{hit.name}</span>
            <span className={css.aside}>{hit.aside}</span>
          </div>
        ))}
        {!hits.length && <p className="soft">Nothing here is called that.</p>}
      </div>
    </Dialog>
  )
}

function useHits(project: string): Hit[] {
  const ref = usePlace()
  const lines = useInfiniteQuery(pipelines(project, ref))
  const data = useInfiniteQuery(tables(project, ref))
  const heads = useQuery(refs(project))
  const latest = useInfiniteQuery(runs(project, {}))
  return useMemo(() => {
    const of = <T extends { pages: { items: unknown[] }[] }>(found: T | undefined) =>
      (found?.pages.flatMap((page) => page.items) ?? []) as T['pages'][number]['items']
    const hits: Hit[] = PAGES.flat().map((page) => ({
      kind: 'page',
      name: page.name,
      aside: page.keys,
      go: { to: page.to, params: { project } },
    }))
    for (const item of of(lines.data) as { name: string }[])
      hits.push(hit('pipeline', item.name, '/p/$project/pipelines/$pipeline', 'pipeline'))
    for (const item of of(data.data) as { name: string }[])
      hits.push(hit('table', item.name, '/p/$project/tables/$table', 'table'))
    for (const item of heads.data?.items ?? [])
      hits.push(hit('ref', item.ref, '/p/$project/environments/$', '_splat'))
    for (const item of of(latest.data) as { run: string; pipeline: string; state: string }[])
      hits.push({
        ...hit('run', item.run, '/p/$project/runs/$run', 'run'),
        name: `${item.pipeline} ${short(item.run)}`,
        aside: <Status state={item.state} />,
      })
    return hits

    function hit(kind: string, name: string, to: string, param: string): Hit {
      return { kind, name, go: { to, params: { project, [param]: name } } }
    }
  }, [project, lines.data, data.data, heads.data, latest.data])
}
