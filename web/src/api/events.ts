/** The server's events: what changed is asked again, at once, and never more than it can bear. */

import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { address } from './client'
import type { Run } from './types'

export type Live = 'joining' | 'live' | 'away'

const AGAIN = 3000
const REST = 250
const LONGEST = 2000
const RUN_KEYS = [
  'runs',
  'overview',
  'pipelines',
  'pipeline',
  'triggers',
  'fires',
  'alerts',
  'workers',
]
const DATA_KEYS = [
  'tables',
  'table',
  'versions',
  'sample',
  'metrics',
  'refs',
  'project-versions',
  'history',
  'lineage',
  'tests',
]

/**
 * Follows a project's events for as long as it is shown. Browsers reconnect by themselves where
 * nobody answers; where the answer is a refusal they give up, so it is asked again from here, and
 * who is asking is looked at again: a session that has ended leads to the door.
 */
export function useLive(project: string): Live {
  const client = useQueryClient()
  const [live, setLive] = useState<Live>('joining')
  useEffect(() => {
    const renew = renewer(client)
    let lost = false
    let timer: ReturnType<typeof setTimeout> | undefined
    let source = join()
    function join(): EventSource {
      const fresh = new EventSource(address('/events', { project }))
      fresh.onopen = () => {
        setLive('live')
        if (lost) client.invalidateQueries()
        lost = false
      }
      fresh.onerror = () => {
        lost = true
        setLive('away')
        if (fresh.readyState !== EventSource.CLOSED) return
        client.invalidateQueries({ queryKey: ['me'] })
        timer = setTimeout(() => {
          source = join()
        }, AGAIN)
      }
      fresh.onmessage = (message) => renew(JSON.parse(message.data))
      return fresh
    }
    return () => {
      clearTimeout(timer)
      source.close()
      renew.stop()
    }
  }, [client, project])
  return live
}

interface Told {
  run?: string | null
  step?: string | null
  kind?: string
}

type Client = Pick<QueryClient, 'invalidateQueries' | 'setQueriesData'>

/**
 * Gathers events: the first is acted on at once, the others together after a rest, which grows
 * while they keep coming. A step's new state is shown at once in any case: the event says it.
 */
export function renewer(client: Client) {
  let waiting: Set<string> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let rest = REST

  function flush(keys: Set<string>) {
    for (const key of keys) {
      const [kind, id] = key.split(' ')
      client.invalidateQueries({ queryKey: id ? [kind, id] : [kind] })
    }
    waiting = new Set()
    clearTimeout(timer)
    timer = setTimeout(rested, rest)
  }

  function rested() {
    const gathered = waiting
    if (gathered?.size) {
      rest = Math.min(LONGEST, 2 * rest)
      flush(gathered)
    } else {
      rest = REST
      waiting = null
    }
  }

  function renew(event: Told) {
    show(client, event)
    const keys = keysOf(event)
    if (waiting && !event.kind?.startsWith('run.')) for (const key of keys) waiting.add(key)
    else flush(new Set([...keys, ...(waiting ?? [])]))
  }

  renew.stop = () => clearTimeout(timer)
  return renew
}

function keysOf(event: Told): Set<string> {
  const keys = new Set<string>(RUN_KEYS)
  if (event.run) {
    for (const kind of ['run', 'plan', 'measured']) keys.add(`${kind} ${event.run}`)
  }
  if (/^(run\.(publishing|succeeded)|tests)$/.test(event.kind ?? '')) {
    for (const key of DATA_KEYS) keys.add(key)
  }
  if (/^run\.(succeeded|failed|cancelled)$/.test(event.kind ?? '')) keys.add('verdicts')
  return keys
}

/** Put a step's new state where the run is shown; the rest of it comes with the next answer. */
function show(client: Client, event: Told) {
  const [subject, state] = event.kind?.split('.') ?? []
  if (subject !== 'step' || !state || !event.run) return
  client.setQueriesData<Run>({ queryKey: ['run', event.run] }, (run) =>
    run?.steps
      ? {
          ...run,
          steps: run.steps.map((step) =>
            step.name === event.step ? { ...step, state: state as typeof step.state } : step,
          ),
        }
      : run,
  )
}
