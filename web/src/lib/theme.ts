/** Light and dark: the reader's choice, remembered, else the system's. */

import { useSyncExternalStore } from 'react'

export type Theme = 'light' | 'dark'

const watchers = new Set<() => void>()

function current(): Theme {
  return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light'
}

/** Changes the theme at once and for later visits. */
export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  try {
    localStorage.setItem('galley.theme', theme)
  } catch {
    // A browser that keeps nothing still shows the theme for this visit.
  }
  for (const watcher of watchers) watcher()
}

/** The present theme; charts draw again when it changes. */
export function useTheme(): Theme {
  return useSyncExternalStore((notify) => {
    watchers.add(notify)
    return () => watchers.delete(notify)
  }, current)
}
