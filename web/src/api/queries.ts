/** Every question to the server in one place: its key, its address, its answer. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { call, type Query } from './client'
import type * as t from './types'

const seg = encodeURIComponent

/** The path of a ref's resources; the slashes in its name stay. */
export function refPath(project: string, ref: string): string {
  return `/projects/${seg(project)}/refs/${ref.split('/').map(seg).join('/')}`
}

function listOf<T>(key: unknown[], path: string, query: Query = {}) {
  return infiniteQueryOptions({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) =>
      call<t.Page<T>>(path, { query: { limit: 50, ...query, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
  })
}

const MOST_PAGES = 20

/** A list that is needed as a whole, page by page. */
async function allOf<T>(path: string, query: Query, signal: AbortSignal): Promise<T[]> {
  const found: T[] = []
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const got: t.Page<T> = await call(path, { query: { ...query, limit: 200, cursor }, signal })
    found.push(...got.items)
    cursor = got.next
    if (!cursor) break
  }
  return found
}

function one<T>(key: unknown[], path: string, query: Query = {}) {
  return queryOptions({
    queryKey: [...key, query],
    queryFn: ({ signal }) => call<T>(path, { query, signal }),
  })
}

export const me = () => one<t.Me>(['me'], '/me')
export const projects = () => one<t.Page<t.ProjectRow>>(['projects'], '/projects')
export const overview = (project: string) =>
  one<t.Overview>(['overview', project], '/overview', { project })

export const runs = (
  project: string,
  filter: { pipeline?: string; state?: string; ref?: string; limit?: number },
) => listOf<t.RunRow>(['runs', project], `/projects/${seg(project)}/runs`, filter)
export const run = (id: string) => one<t.Run>(['run', id], `/runs/${seg(id)}`)
/** All that a run measured of a table, or of all its tables under one name. */
export const measured = (id: string, of: { table?: string; name?: string }) =>
  queryOptions({
    queryKey: ['measured', id, of],
    queryFn: ({ signal }) => allOf<t.RunMetric>(`/runs/${seg(id)}/metrics`, of, signal),
    staleTime: 60_000,
  })

export const pipelines = (project: string, ref?: string) =>
  listOf<t.PipelineRow>(['pipelines', project], `/projects/${seg(project)}/pipelines`, {
    ref,
    limit: 200,
  })
export const pipeline = (project: string, name: string, ref?: string) =>
  one<t.Pipeline>(['pipeline', project, name], `/projects/${seg(project)}/pipelines/${seg(name)}`, {
    ref,
  })
export interface PlanWish {
  pipeline: string
  ref: string
  window?: string
  select?: string[]
  variables?: Record<string, unknown>
  rebuild?: string[]
}

/** What a run that is asked for so would do; nothing is run or written. */
export const plan = (project: string, wish: PlanWish) =>
  queryOptions({
    queryKey: ['plan', project, wish],
    queryFn: ({ signal }) =>
      call<t.Plan>(`/projects/${seg(project)}/plan`, { method: 'POST', body: wish, signal }),
  })

export const tables = (project: string, ref?: string) =>
  listOf<t.Table>(['tables', project], `/projects/${seg(project)}/tables`, { ref, limit: 200 })

const tablePath = (project: string, table: string) =>
  `/projects/${seg(project)}/tables/${seg(table)}`

export const table = (project: string, name: string, ref?: string) =>
  one<t.TableDetails>(['table', project, name], tablePath(project, name), { ref })
export const versions = (project: string, name: string, ref?: string) =>
  listOf<t.TableVersion>(['versions', project, name], `${tablePath(project, name)}/versions`, {
    ref,
  })
export const sample = (project: string, name: string, ref?: string) =>
  one<t.Answer>(['sample', project, name], `${tablePath(project, name)}/sample`, {
    ref,
    limit: 100,
  })
export const metrics = (project: string, name: string, filter: Query = {}) =>
  one<t.Page<t.Metric>>(['metrics', project, name], `${tablePath(project, name)}/metrics`, {
    limit: 200,
    ...filter,
  })

export const refs = (project: string) =>
  one<t.Page<t.Ref>>(['refs', project], `/projects/${seg(project)}/refs`, { limit: 200 })
export const history = (project: string, ref: string) =>
  listOf<t.Commit>(['history', project, ref], `${refPath(project, ref)}/history`)

export const projectVersions = (project: string) =>
  listOf<t.Version>(['project-versions', project], `/projects/${seg(project)}/versions`, {
    limit: 20,
  })

export const lineage = (project: string, name: string, ref?: string) =>
  one<t.Lineage>(['lineage', project, name], `${tablePath(project, name)}/lineage`, { ref })
export const tableDiff = (project: string, name: string, a: string, b: string) =>
  one<t.Diff>(['diff', project, name], `${tablePath(project, name)}/diff`, { a, b })
export const tableTests = (project: string, name: string, ref?: string) =>
  listOf<t.Test>(['tests', project, name], `${tablePath(project, name)}/tests`, { ref, limit: 200 })
/** Every test with what it said last in a ref. */
export const tests = (project: string, ref: string) =>
  queryOptions({
    queryKey: ['tests', project, ref],
    queryFn: ({ signal }) => allOf<t.Test>(`/projects/${seg(project)}/tests`, { ref }, signal),
  })

/** The same for a page that need not follow every test as it ends, only every run. */
export const verdicts = (project: string, ref: string) =>
  queryOptions({ ...tests(project, ref), queryKey: ['verdicts', project, ref] })

export const compare = (a: string, b: string) =>
  one<t.Comparison>(['compare'], '/runs/compare', { a, b })
export const workers = () => listOf<t.Worker>(['workers'], '/workers')
export const settings = () => one<t.Settings>(['settings'], '/settings')
export const connections = (project: string, ref?: string) =>
  listOf<t.Connection>(['connections', project], `/projects/${seg(project)}/connections`, { ref })
export const runsOf = (project: string, actor: string) =>
  listOf<t.RunRow>(['runs', project], `/projects/${seg(project)}/runs`, { actor, limit: 20 })

export const triggers = (project: string) =>
  listOf<t.Trigger>(['triggers', project], `/projects/${seg(project)}/triggers`)
export const nextFires = (project: string) =>
  one<{ items: t.NextFire[] }>(
    ['triggers', project, 'next'],
    `/projects/${seg(project)}/triggers/next`,
  )
export const fires = (project: string) =>
  listOf<t.Fire>(['fires', project], `/projects/${seg(project)}/fires`)
export const alerts = (project: string, open: boolean) =>
  listOf<t.Alert>(['alerts', project], `/projects/${seg(project)}/alerts`, {
    open: open || undefined,
  })
export const session = () => one<t.Session>(['session'], '/session')
