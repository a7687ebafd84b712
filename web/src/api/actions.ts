/** Everything that the interface may ask to be done, in one place. */

import { call, callWithTag } from './client'
import { refPath } from './queries'
import type * as t from './types'

const seg = encodeURIComponent

export interface StartWish {
  pipeline: string
  ref: string
  window?: string
  select?: string[]
  variables?: Record<string, string>
}

export const startRun = (project: string, wish: StartWish) =>
  call<t.RunRow>(`/projects/${seg(project)}/runs`, { method: 'POST', body: wish })

export const askRun = (run: string, what: 'cancel' | 'pause' | 'resume') =>
  call<t.RunRow>(`/runs/${seg(run)}/${what}`, { method: 'POST', body: {} })

export const rerun = (run: string, from: string | null) =>
  call<t.RunRow>(`/runs/${seg(run)}/rerun`, { method: 'POST', body: { from } })

export interface RollbackWish {
  to?: string
  tables?: string[]
  reason?: string
  dry_run: boolean
}

export const rollback = (project: string, ref: string, wish: RollbackWish, etag?: string | null) =>
  callWithTag<t.Rollback>(`${refPath(project, ref)}/rollback`, { method: 'POST', body: wish, etag })

export const release = (project: string, ref: string, pipeline: string) =>
  call<unknown>(`${refPath(project, ref)}/release`, { method: 'POST', body: { pipeline } })

export interface PromotionWish {
  from: string
  to: string
  since?: string
  forward_only?: boolean
  dry_run: boolean
}

export const promote = (project: string, wish: PromotionWish, etag?: string | null) =>
  callWithTag<t.Promotion>(`/projects/${seg(project)}/promotions`, {
    method: 'POST',
    body: wish,
    etag,
  })

export const askSql = (
  project: string,
  query: string,
  ref: string,
  limit: number,
  signal?: AbortSignal,
) =>
  call<t.Answer>(`/projects/${seg(project)}/sql`, {
    method: 'POST',
    body: { query, ref, limit },
    signal,
  })

export const switchTrigger = (
  project: string,
  trigger: t.Trigger,
  what: 'pause' | 'resume',
  reason: string,
) =>
  call<t.Trigger>(`/projects/${seg(project)}/triggers/${seg(trigger.trigger)}/${what}`, {
    method: 'POST',
    query: { in: trigger.in },
    body: { reason: reason || null },
  })

export const fireTrigger = (
  project: string,
  trigger: t.Trigger,
  parameters: Record<string, unknown>,
) =>
  call<{ fire: string; run: { run: string } }>(
    `/projects/${seg(project)}/triggers/${seg(trigger.trigger)}/fire`,
    { method: 'POST', query: { in: trigger.in }, body: { parameters } },
  )

export const logIn = (user: string, password: string) =>
  call<t.Session>('/session', { method: 'POST', body: { user, password } })

export const followLink = (link: string, password: string) =>
  call<t.Session>('/welcome', { method: 'POST', body: { link, password } })

export const logOut = () => call<unknown>('/session', { method: 'DELETE' })
