import {
  Activity,
  Boxes,
  CalendarClock,
  GitBranch,
  Inbox,
  LayoutDashboard,
  type LucideIcon,
  Plug,
  Settings,
  Table2,
  Terminal,
  Workflow,
} from 'lucide-react'

export interface PageLink {
  to: string
  name: string
  icon: LucideIcon
  keys: string
}

/** What the navigation offers, in groups, with the keys that lead there. */
export const PAGES: PageLink[][] = [
  [
    { to: '/p/$project', name: 'Overview', icon: LayoutDashboard, keys: 'g o' },
    { to: '/p/$project/work', name: 'My work', icon: Inbox, keys: 'g m' },
  ],
  [
    { to: '/p/$project/pipelines', name: 'Pipelines', icon: Workflow, keys: 'g p' },
    { to: '/p/$project/runs', name: 'Runs', icon: Activity, keys: 'g r' },
    { to: '/p/$project/triggers', name: 'Triggers', icon: CalendarClock, keys: 'g i' },
  ],
  [
    { to: '/p/$project/tables', name: 'Tables', icon: Table2, keys: 'g t' },
    { to: '/p/$project/sql', name: 'SQL', icon: Terminal, keys: 'g q' },
    { to: '/p/$project/environments', name: 'Environments', icon: GitBranch, keys: 'g e' },
  ],
  [
    { to: '/p/$project/workers', name: 'Workers', icon: Boxes, keys: 'g w' },
    { to: '/p/$project/connections', name: 'Connections', icon: Plug, keys: 'g c' },
    { to: '/p/$project/settings', name: 'Settings', icon: Settings, keys: 'g s' },
  ],
]
