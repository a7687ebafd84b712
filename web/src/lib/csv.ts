/** Rows as text that spreadsheets read, as RFC 4180 has it: null is empty, what needs quotes has them. */
export function csvOf(columns: string[], rows: Record<string, unknown>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((name) => row[name]))]
  return lines.map((cells) => cells.map(cellOf).join(',')).join('\r\n')
}

function cellOf(value: unknown): string {
  if (value == null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
