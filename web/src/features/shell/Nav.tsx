import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { ChevronsUpDown } from 'lucide-react'
import type { Live } from '@/api/events'
import { projects } from '@/api/queries'
import { Menu, MenuItem } from '@/ui/Menu'
import css from './Nav.module.css'
import { PAGES } from './pages'

/** The pages of a project, at the left; on a phone behind a button. */
export function Nav({ project, live, close }: { project: string; live: Live; close: () => void }) {
  return (
    <nav className={css.nav} aria-label="Pages">
      <ProjectPicker project={project} />
      {PAGES.map((group) => (
        <ul key={group[0]?.name} className={css.group}>
          {group.map((page) => (
            <li key={page.name}>
              <Link
                to={page.to}
                params={{ project }}
                className={css.link}
                activeOptions={{ exact: page.to === '/p/$project', includeSearch: false }}
                activeProps={{ 'data-here': true }}
                onClick={close}
                title={page.keys}
              >
                <page.icon aria-hidden />
                {page.name}
              </Link>
            </li>
          ))}
        </ul>
      ))}
      <p className={css.live} data-state={live}>
        <span className={css.dot} aria-hidden />
        {live === 'live'
          ? 'Live'
          : live === 'joining'
            ? 'Connecting'
            : 'Not connected, trying again'}
      </p>
    </nav>
  )
}

function ProjectPicker({ project }: { project: string }) {
  const found = useQuery(projects())
  const navigate = useNavigate()
  return (
    <Menu
      trigger={
        <button type="button" className={css.project}>
          <img src="/mark.svg" alt="" width={20} height={20} />
          <span className="clip">{project}</span>
          <ChevronsUpDown aria-hidden />
          <span className="sr"> Choose a project</span>
        </button>
      }
    >
      {(found.data?.items ?? []).map((item) => (
        <MenuItem
          key={item.project}
          checked={item.project === project}
          onSelect={() => navigate({ to: '/p/$project', params: { project: item.project } })}
        >
          {item.project}
        </MenuItem>
      ))}
    </Menu>
  )
}
