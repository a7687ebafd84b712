import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { logOut } from '@/api/actions'
import { forgetSession } from '@/api/client'
import { me } from '@/api/queries'
import { useProject } from '@/lib/place'
import { Menu, MenuGroup, MenuItem } from '@/ui/Menu'
import css from './Who.module.css'

/** Who is here, and what concerns them. */
export function Who() {
  const found = useQuery(me())
  const project = useProject()
  const navigate = useNavigate()
  const name = found.data?.name ?? ''
  const client = useQueryClient()
  async function leave() {
    await logOut()
    forgetSession()
    client.clear()
    navigate({ to: '/login' })
  }
  return (
    <Menu
      trigger={
        <button type="button" className={css.who} aria-label={name ? `You are ${name}` : 'You'}>
          {(name || '?').slice(0, 2)}
        </button>
      }
    >
      <MenuGroup name={name ? `You are ${name}` : 'Nobody is logged in'}>
        <MenuItem onSelect={() => navigate({ to: '/p/$project/work', params: { project } })}>
          My work
        </MenuItem>
        <MenuItem onSelect={() => navigate({ to: '/p/$project/settings', params: { project } })}>
          Settings
        </MenuItem>
        {found.data?.via === 'session' && <MenuItem onSelect={leave}>Log out</MenuItem>}
      </MenuGroup>
    </Menu>
  )
}
