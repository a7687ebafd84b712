/**
 * The SQL editor. It lives in a shadow root: there CodeMirror keeps its styles in adopted style
 * sheets, which the page's policy allows, and not in style elements, which it does not.
 */

import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { PostgreSQL, sql } from '@codemirror/lang-sql'
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState } from '@codemirror/state'
import { EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'

export interface SqlEditor {
  show: (text: string) => void
  know: (schema: Record<string, string[]>) => void
  destroy: () => void
}

const theme = EditorView.theme({
  '&': { fontSize: '13px', color: 'var(--ink)', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'var(--mono)',
    lineHeight: '1.55',
    minHeight: '150px',
    maxHeight: '45vh',
  },
  '.cm-content': { caretColor: 'var(--ink)', padding: '10px 0' },
  '.cm-gutters': {
    backgroundColor: 'transparent',
    color: 'var(--ink-3)',
    border: 'none',
    paddingLeft: '6px',
  },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    {
      backgroundColor: 'var(--accent-soft)',
    },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: '6px',
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--accent-ink)',
  },
  '.cm-placeholder': { color: 'var(--ink-3)' },
})

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--production)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: tags.typeName, color: 'var(--warn)' },
])

/** An editor within an element. */
export function makeEditor(
  place: HTMLElement,
  on: { change: (text: string) => void; run: () => void },
): SqlEditor {
  const root = place.shadowRoot ?? place.attachShadow({ mode: 'open' })
  const language = new Compartment()
  function asked() {
    on.run()
    return true
  }
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      extensions: [
        keymap.of([
          { key: 'Mod-Enter', run: asked },
          ...completionKeymap,
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        lineNumbers(),
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        placeholder('SELECT …'),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'SQL' }),
        theme,
        syntaxHighlighting(colours),
        language.of(sql({ dialect: PostgreSQL })),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) on.change(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    show(text) {
      const present = view.state.doc.toString()
      if (present !== text)
        view.dispatch({ changes: { from: 0, to: present.length, insert: text } })
    },
    know(schema) {
      view.dispatch({
        effects: language.reconfigure(
          sql({ dialect: PostgreSQL, schema, upperCaseKeywords: true }),
        ),
      })
    },
    destroy: () => view.destroy(),
  }
}
