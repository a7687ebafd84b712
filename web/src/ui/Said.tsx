/** A sentence of the engine: what stands between backticks is to be typed. */
export function Said({ text }: { text: string }) {
  return text.split('`').map((part, place) => (place % 2 ? <code key={place}>{part}</code> : part))
}
