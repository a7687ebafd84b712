import { short } from '@/lib/numbers'
import { Copy } from './Copy'
import css from './Id.module.css'

/** What names a thing for machines: its beginning is enough to read, all of it is copied. */
export function Id({ of, what, whole = false }: { of: string; what: string; whole?: boolean }) {
  return (
    <span className={css.id}>
      <span className="mono" title={of}>
        {whole ? of : short(of)}
      </span>
      <Copy text={of} label={`Copy the ${what}`} />
    </span>
  )
}
