/** How the interface talks to the server: JSON over the public API, one error for what fails. */

const BASE = '/api/v1'
/** Who calls these is not anybody yet. */
const DOORS = new Set(['/session', '/welcome'])

/** What a refused or failed call says, as the server tells it. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly hint: string | null
  /** What is called almost so, where a name was wrong. */
  readonly nearest: string | null
  readonly request: string | null

  constructor(status: number, problem: Partial<Record<string, unknown>>) {
    const title = String(problem.title ?? `The server answered ${status}`)
    super(String(problem.detail ?? title))
    this.status = status
    this.title = title
    this.code = String(problem.code ?? status)
    this.hint = problem.hint == null ? null : String(problem.hint)
    const details = problem.details as { nearest?: string | null } | undefined
    this.nearest = details?.nearest ?? /did you mean (\S+)\?/i.exec(this.hint ?? '')?.[1] ?? null
    this.request = problem.request_id == null ? null : String(problem.request_id)
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>

/** The address of a resource under the API. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value != null && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return `${BASE}${path}${text ? `?${text}` : ''}`
}

interface Wish {
  method?: string
  query?: Query
  body?: unknown
  etag?: string | null
  signal?: AbortSignal
}

/** One call. Raises ApiError for every answer that is not a success. */
export async function call<T>(path: string, wish: Wish = {}): Promise<T> {
  return (await callWithTag<T>(path, wish)).body
}

/** One call, with the ETag by which a later change may be made conditional. */
export async function callWithTag<T>(
  path: string,
  wish: Wish = {},
): Promise<{ body: T; etag: string | null }> {
  const answer = await send(path, wish)
  if (!answer.ok) throw await failure(answer)
  const text = await answer.text()
  return { body: (text ? JSON.parse(text) : null) as T, etag: answer.headers.get('etag') }
}

async function send(path: string, wish: Wish): Promise<Response> {
  const method = wish.method ?? 'GET'
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') {
    headers['Idempotency-Key'] = crypto.randomUUID()
    const token = DOORS.has(path) && method === 'POST' ? '' : await csrfToken()
    if (token) headers['X-CSRF-Token'] = token
  }
  if (wish.body !== undefined) headers['Content-Type'] = 'application/json'
  if (wish.etag) headers['If-Match'] = wish.etag
  try {
    return await fetch(address(path, wish.query), {
      method,
      headers,
      credentials: 'same-origin',
      body: wish.body === undefined ? undefined : JSON.stringify(wish.body),
      signal: wish.signal,
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, {
      code: 'unreachable',
      title: 'The server cannot be reached',
      detail: 'Nothing was changed by this page.',
      hint: 'Is `galley up` still running? This page goes on by itself when it is back.',
    })
  }
}

async function failure(answer: Response): Promise<ApiError> {
  try {
    return new ApiError(answer.status, (await answer.json()) as Record<string, unknown>)
  } catch {
    return new ApiError(answer.status, {})
  }
}

let csrf: Promise<string> | null = null

/** What changes have to carry where somebody is logged in; empty where nobody has to be. */
function csrfToken(): Promise<string> {
  csrf ??= askCsrf().catch(() => {
    csrf = null
    return ''
  })
  return csrf
}

async function askCsrf(): Promise<string> {
  const person = await fetch(address('/me'), { credentials: 'same-origin' })
  if (!person.ok || (await person.json()).via !== 'session') return ''
  const answer = await fetch(address('/session'), { credentials: 'same-origin' })
  return answer.ok ? String((await answer.json()).csrf) : ''
}

/** Forget the token of a session: somebody logged in or out. */
export function forgetSession(): void {
  csrf = null
}
