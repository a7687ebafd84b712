import { useEffect, useRef } from 'react'
import type { SqlEditor } from './codemirror'
import css from './Editor.module.css'

/** A place to write SQL, with completion of tables and columns. */
export function Editor({
  text,
  schema,
  onChange,
  onRun,
}: {
  text: string
  schema: Record<string, string[]>
  onChange: (text: string) => void
  onRun: () => void
}) {
  const frame = useRef<HTMLDivElement>(null)
  const editor = useRef<SqlEditor | null>(null)
  const latest = useRef({ text, schema, onChange, onRun })
  latest.current = { text, schema, onChange, onRun }
  useEffect(() => {
    let gone = false
    import('./codemirror').then(({ makeEditor }) => {
      if (gone || !frame.current) return
      editor.current = makeEditor(frame.current, {
        change: (next) => latest.current.onChange(next),
        run: () => latest.current.onRun(),
      })
      editor.current.show(latest.current.text)
      editor.current.know(latest.current.schema)
    })
    return () => {
      gone = true
      editor.current?.destroy()
      editor.current = null
    }
  }, [])
  useEffect(() => editor.current?.show(text), [text])
  useEffect(() => editor.current?.know(schema), [schema])
  return <div ref={frame} className={css.editor} />
}
