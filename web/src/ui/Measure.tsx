import type { Measures } from '@/lib/measured'
import { measure } from '@/lib/numbers'

/** One measured value: a number, or text where values have no mean; estimates say so. */
export function Measure({ of, name }: { of: Measures | undefined; name: string }) {
  const found = of?.get(name)
  if (!found || (found.value == null && found.text == null)) return <span className="quiet">–</span>
  const value = found.value == null ? String(found.text) : measure(rounded(found.value, name))
  return (
    <span title={value.length > 24 ? value : undefined}>
      {found.estimated && <span className="quiet">≈ </span>}
      {value.length > 24 ? `${value.slice(0, 23)}…` : value}
    </span>
  )
}

function rounded(value: number, name: string): number {
  return name === 'distinct' ? Math.round(value) : value
}
