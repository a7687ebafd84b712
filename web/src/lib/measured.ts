/** What was measured of one version of a table, by column and by name. */

import type { RunMetric } from '@/api/types'

export type Measures = Map<string, RunMetric>

/** The measures of each column; those of the whole table under ''. Whole tables beat windows. */
export function byColumn(items: readonly RunMetric[]): Map<string, Measures> {
  const found = new Map<string, Measures>()
  for (const item of items) {
    const column = item.column ?? ''
    const measures = found.get(column) ?? new Map<string, RunMetric>()
    const known = measures.get(item.name)
    if (!known || known.window != null || item.window == null) measures.set(item.name, item)
    found.set(column, measures)
  }
  return found
}

/** Which tables were measured, with one number for each. */
export function byTable(items: readonly RunMetric[]): Map<string, number | null> {
  const found = new Map<string, number | null>()
  for (const item of items) found.set(item.table, item.value)
  return found
}
