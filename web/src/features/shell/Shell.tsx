import { Outlet, useNavigate } from '@tanstack/react-router'
import { CircleHelp, Menu as MenuIcon, Moon, Search, Sun } from 'lucide-react'
import { useState } from 'react'
import { useLive } from '@/api/events'
import { useKeys } from '@/lib/keys'
import { useProject } from '@/lib/place'
import { setTheme, useTheme } from '@/lib/theme'
import { Button } from '@/ui/Button'
import { Away } from './Away'
import { Help } from './Help'
import { Nav } from './Nav'
import { Palette } from './Palette'
import { PAGES } from './pages'
import { RefPicker } from './RefPicker'
import css from './Shell.module.css'
import { Who } from './Who'

/** What stands around every page of a project. */
export function Shell() {
  const project = useProject()
  const theme = useTheme()
  const navigate = useNavigate()
  const [drawer, setDrawer] = useState(false)
  const [search, setSearch] = useState(false)
  const [help, setHelp] = useState(false)
  const live = useLive(project)
  const turn = () => setTheme(theme === 'dark' ? 'light' : 'dark')
  const leading = Object.fromEntries(
    PAGES.flat().map((page) => [page.keys, () => navigate({ to: page.to, params: { project } })]),
  )
  useKeys({
    ...leading,
    '/': () => setSearch(true),
    'Ctrl k': () => setSearch(true),
    '?': () => setHelp(true),
    t: turn,
  })
  return (
    <div className={css.shell} data-drawer={drawer || undefined}>
      <a className={css.skip} href="#main">
        Skip to the page
      </a>
      <div className={css.scrim} onClick={() => setDrawer(false)} />
      <Nav project={project} live={live} close={() => setDrawer(false)} />
      <header className={css.bar}>
        <Button
          look="bare"
          className="narrow"
          aria-label={drawer ? 'Close the menu' : 'Open the menu'}
          aria-expanded={drawer}
          icon={<MenuIcon />}
          onClick={() => setDrawer(!drawer)}
        />
        <RefPicker project={project} />
        <button
          type="button"
          className={css.search}
          aria-label="Search pipelines, tables, runs"
          aria-keyshortcuts="/ Control+K"
          onClick={() => setSearch(true)}
        >
          <Search aria-hidden />
          <span className="wide">Search pipelines, tables, runs</span>
          <kbd className="wide">/</kbd>
        </button>
        <div className={css.tools}>
          <Button
            look="bare"
            aria-label={theme === 'dark' ? 'Light theme' : 'Dark theme'}
            title={`${theme === 'dark' ? 'Light' : 'Dark'} theme (t)`}
            icon={theme === 'dark' ? <Sun /> : <Moon />}
            onClick={turn}
          />
          <Button
            look="bare"
            className="wide"
            aria-label="Keys and words"
            title="Keys and words (?)"
            icon={<CircleHelp />}
            onClick={() => setHelp(true)}
          />
          <Who />
        </div>
      </header>
      <main id="main" className={css.main} tabIndex={-1}>
        {live === 'away' && <Away />}
        <Outlet />
      </main>
      {search && <Palette project={project} close={() => setSearch(false)} />}
      <Help open={help} close={() => setHelp(false)} />
    </div>
  )
}
