/** Where the reader is: the project in the path, the ref in the search. */

import { useParams, useSearch } from '@tanstack/react-router'

export const PRODUCTION = 'production'

/** The project that the address names. */
export function useProject(): string {
  return useParams({ strict: false }).project ?? ''
}

/** The ref that the whole interface looks at. */
export function usePlace(): string {
  const search = useSearch({ strict: false }) as { ref?: string }
  return search.ref ?? PRODUCTION
}

/** A value of the search part of the address. */
export function useWish(name: string): string | undefined {
  const search = useSearch({ strict: false }) as Record<string, unknown>
  const value = search[name]
  return value == null || value === '' ? undefined : String(value)
}

/** The search part of an address. */
export type Search = Record<string, unknown>
