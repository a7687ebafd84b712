/** Small hooks without a domain. */

import { useEffect, useState, useSyncExternalStore } from 'react'

const watchers = new Set<() => void>()
let present = Date.now()
let timer = 0

function watchClock(notify: () => void): () => void {
  watchers.add(notify)
  if (!timer) {
    present = Date.now()
    timer = window.setInterval(() => {
      present = Date.now()
      for (const watcher of watchers) watcher()
    }, 1000)
  }
  return () => {
    watchers.delete(notify)
    if (!watchers.size) {
      clearInterval(timer)
      timer = 0
    }
  }
}

/** The present in milliseconds, renewed every second by one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(watchClock, () => present)
}

const narrow = window.matchMedia('(max-width: 720px)')

function watchWidth(notify: () => void): () => void {
  narrow.addEventListener('change', notify)
  return () => narrow.removeEventListener('change', notify)
}

/** Whether the page is as narrow as a phone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(watchWidth, () => narrow.matches)
}

/** A value once it has not changed for a moment: what is typed is not asked letter by letter. */
export function useSettled<T>(value: T, moment = 350): T {
  const [settled, settle] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), moment)
    return () => clearTimeout(timer)
  }, [value, moment])
  return settled
}

/** The document's title while a page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Galley`
  }, [title])
}
