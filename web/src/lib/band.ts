/** What is usual: quantiles of what was measured. */

/** The q-quantile (0 to 1) by linear interpolation; null of nothing. Hyndman and Fan's type 7. */
export function quantile(values: readonly number[], q: number): number | null {
  if (!values.length) return null
  const sorted = [...values].sort((one, other) => one - other)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] as number
  const above = sorted[Math.ceil(place)] as number
  return below + (above - below) * (place - Math.floor(place))
}

/** The band within which nine of ten lie, once there are enough to speak of one. */
export function usual(values: readonly number[]): [low: number, high: number] | null {
  if (values.length < 5) return null
  return [quantile(values, 0.05) as number, quantile(values, 0.95) as number]
}
