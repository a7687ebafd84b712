import css from './Code.module.css'
import { Copy } from './Copy'

/** Text as it was written: SQL, a trace, a command. */
export function Code({ text, label = 'Copy' }: { text: string; label?: string }) {
  return (
    <div className={css.frame}>
      <pre className={css.code} tabIndex={0}>
        {text}
      </pre>
      <div className={css.copy}>
        <Copy text={text} label={label} />
      </div>
    </div>
  )
}
