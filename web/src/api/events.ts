/** The server's events: what changed is asked again, at once, and never more than it can bear. */

import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { address } from './client'

export type Live = 'joining' | 'live' | 'away'

const REST = 250
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
  'history',
  'lineage',
  'tests',
]

/** Follows a project's events for as long as it is shown; browsers reconnect by themselves. */
export function useLive(project: string): Live {
  const client = useQueryClient()
  const [live, setLive] = useState<Live>('joining')
  useEffect(() => {
    const renew = renewer(client)
    const source = new EventSource(address('/events', { project }))
    let lost = false
    source.onopen = () => {
      setLive('live')
      if (lost) client.invalidateQueries()
      lost = false
    }
    source.onerror = () => {
      lost = true
      setLive('away')
    }
    source.onmessage = (message) => renew(JSON.parse(message.data))
    return () => {
      source.close()
      renew.stop()
    }
  }, [client, project])
  return live
}

interface Told {
  run?: string | null
  kind?: string
}

/** Gathers events: the first is acted on at once, the others together after a rest. */
export function renewer(client: Pick<QueryClient, 'invalidateQueries'>) {
  let waiting: Set<string> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  function flush(keys: Set<string>) {
    for (const key of keys) {
      const [kind, id] = key.split(' ')
      client.invalidateQueries({ queryKey: id ? [kind, id] : [kind] })
    }
  }

  function renew(event: Told) {
    const keys = new Set<string>(RUN_KEYS)
    if (event.run) for (const kind of ['run', 'plan']) keys.add(`${kind} ${event.run}`)
    if (/^(run\.(publishing|succeeded)|tests)$/.test(event.kind ?? '')) {
      for (const key of DATA_KEYS) keys.add(key)
    }
    if (waiting) {
      for (const key of keys) waiting.add(key)
      return
    }
    flush(keys)
    waiting = new Set()
    timer = setTimeout(() => {
      const gathered = waiting
      waiting = null
      if (gathered?.size) flush(gathered)
    }, REST)
  }

  renew.stop = () => clearTimeout(timer)
  return renew
}
