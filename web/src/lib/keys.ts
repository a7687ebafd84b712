/** Keyboard shortcuts: single keys and "g p" sequences, silent while somebody types. */

import { useEffect, useRef } from 'react'

const PAUSE = 900

/** True where keys are text: fields, editors, anything editable. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) ||
    target.shadowRoot !== null
  )
}

/**
 * Calls `bindings["g p"]` when g and then p are pressed, `bindings["/"]` for one key, and
 * `bindings["Ctrl k"]` for k with Ctrl or ⌘, which counts while somebody types too.
 */
export function useKeys(bindings: Record<string, () => void>): void {
  const latest = useRef(bindings)
  latest.current = bindings
  useEffect(() => {
    let first: string | null = null
    let timer = 0
    function onKey(event: KeyboardEvent) {
      const held = (event.metaKey || event.ctrlKey) && latest.current[`Ctrl ${event.key}`]
      if (held && !event.defaultPrevented) {
        event.preventDefault()
        held()
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return
      const pair = first ? `${first} ${event.key}` : event.key
      first = null
      clearTimeout(timer)
      const action = latest.current[pair] ?? latest.current[event.key]
      if (action) {
        event.preventDefault()
        action()
      } else if (event.key === 'g') {
        first = 'g'
        timer = window.setTimeout(() => {
          first = null
        }, PAUSE)
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}
