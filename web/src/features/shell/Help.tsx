import { Dialog } from '@/ui/Dialog'
import css from './Help.module.css'
import { PAGES } from './pages'

const WORDS: [word: string, meaning: string][] = [
  ['ref', 'a name for a state of all tables: production, a kitchen, a tag'],
  ['kitchen', 'a sandbox that branches data and code together without copying'],
  ['publish', 'the move of a ref to a tested state: all tables of a run at once'],
  ['reused', 'same code, settings, libraries and inputs as before: nothing was computed again'],
  ['blocks', 'a test that must pass before anything of the run is published'],
]

/** The keys, and the words. */
export function Help({ open, close }: { open: boolean; close: () => void }) {
  const keys: [string, string][] = [
    ['/', 'Search'],
    ['Ctrl K', 'Search while writing'],
    ['?', 'This help'],
    ['t', 'Light or dark'],
    ...PAGES.flat().map((page): [string, string] => [page.keys, page.name]),
  ]
  return (
    <Dialog open={open} close={close} title="Keys and words" size="l">
      <dl className={css.keys}>
        {keys.map(([key, name]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
      <dl className={css.words}>
        {WORDS.map(([word, meaning]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
