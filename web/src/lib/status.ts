/** One vocabulary of states for every page: which tone, and which is worse. */

export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'idle'

const TONES: Record<string, Tone> = {
  // runs
  queued: 'idle',
  running: 'busy',
  paused: 'warn',
  publishing: 'busy',
  succeeded: 'ok',
  failed: 'bad',
  cancelled: 'idle',
  superseded: 'idle',
  // steps
  waiting: 'idle',
  ready: 'idle',
  claimed: 'busy',
  staged: 'busy',
  retry_wait: 'warn',
  parked: 'warn',
  reused: 'ok',
  skipped: 'idle',
  blocked: 'bad',
  upstream_failed: 'idle',
  // tests
  pass: 'ok',
  warn: 'warn',
  fail: 'bad',
  error: 'bad',
  not_evaluated: 'idle',
  // what else can be well or not
  ok: 'ok',
  late: 'bad',
  missing: 'bad',
  stale: 'warn',
  untested: 'warn',
  active: 'ok',
  idle: 'idle',
  lost: 'bad',
  gone: 'idle',
  open: 'bad',
}

const WORDS: Record<string, string> = {
  retry_wait: 'waits to retry',
  upstream_failed: 'not reached',
  not_evaluated: 'not evaluated',
  pass: 'passed',
  warn: 'warned',
  fail: 'failed',
}

const ORDER: Tone[] = ['ok', 'idle', 'busy', 'warn', 'bad']

/** The tone of a state; a state that is not known is idle, never good. */
export function toneOf(state: string | null | undefined): Tone {
  return (state && TONES[state]) || 'idle'
}

/** A state in words. */
export function wordOf(state: string): string {
  return WORDS[state] ?? state.replaceAll('_', ' ')
}

/** How bad a state is, to sort by; what is not known is not bad. */
export function gravity(state: string | null | undefined): number {
  return ORDER.indexOf(toneOf(state))
}

/** The worst of many states: what a group of things is shown as. */
export function worst(states: readonly string[]): string | null {
  let found: string | null = null
  for (const state of states) {
    if (!found || ORDER.indexOf(toneOf(state)) > ORDER.indexOf(toneOf(found))) found = state
  }
  return found
}

const OPEN_RUNS = new Set(['queued', 'running', 'publishing'])
const OPEN_STEPS = new Set(['waiting', 'ready', 'claimed', 'running', 'staged', 'retry_wait'])

/** Whether a run or a step is still on its way. */
export function isOpen(state: string): boolean {
  return OPEN_RUNS.has(state) || OPEN_STEPS.has(state)
}
