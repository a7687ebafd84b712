import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ChevronDown, FlaskConical, GitBranch, History, ShieldCheck, Tag } from 'lucide-react'
import { me, refs } from '@/api/queries'
import type { Ref } from '@/api/types'
import { PRODUCTION, type Search, usePlace } from '@/lib/place'
import { Menu, MenuGroup, MenuItem } from '@/ui/Menu'
import css from './RefPicker.module.css'

type Kind = Ref['kind'] | 'past'

const GROUPS: [kind: Kind, name: string][] = [
  ['past', 'As it was at a commit'],
  ['environment', 'Environments'],
  ['kitchen', 'Kitchens'],
  ['tag', 'Tags'],
]

const ICONS = { past: History, environment: ShieldCheck, kitchen: FlaskConical, tag: Tag }

/** Which state of the data every page shows; production has a colour of its own. */
export function RefPicker({ project }: { project: string }) {
  const place = usePlace()
  const navigate = useNavigate()
  const found = useQuery(refs(project))
  const own = useQuery(me()).data?.kitchen
  const known = found.data?.items ?? []
  const missing = [own, place].filter(
    (name, at, all): name is string =>
      Boolean(name) && all.indexOf(name) === at && known.every((item) => item.ref !== name),
  )
  const items: { ref: string; kind: Kind }[] = [
    ...known,
    ...missing.map((ref) => ({ ref, kind: kindOf(ref) })),
  ]
  const kind = items.find((item) => item.ref === place)?.kind
  const Icon = kind ? (ICONS[kind as keyof typeof ICONS] ?? GitBranch) : GitBranch
  return (
    <Menu
      trigger={
        <button
          type="button"
          className={css.picker}
          data-production={place === PRODUCTION || undefined}
          title="What every page looks at"
        >
          <Icon aria-hidden />
          <span className="sr">Looking at </span>
          <span className="clip">{place}</span>
          <ChevronDown aria-hidden />
        </button>
      }
    >
      {GROUPS.map(([group, name]) => {
        const some = items.filter((item) => item.kind === group)
        const Mark = ICONS[group as keyof typeof ICONS]
        return some.length ? (
          <MenuGroup key={group} name={name}>
            {some.map((item) => (
              <MenuItem
                key={item.ref}
                checked={item.ref === place}
                onSelect={() =>
                  navigate({
                    to: '.',
                    search: (before: Search) => ({
                      ...before,
                      ref: item.ref === PRODUCTION ? undefined : item.ref,
                    }),
                  })
                }
              >
                <Mark size={14} aria-hidden />
                <span className="clip">{item.ref}</span>
              </MenuItem>
            ))}
          </MenuGroup>
        ) : null
      })}
    </Menu>
  )
}

/** What a name that is in no list stands for. */
function kindOf(ref: string): Kind {
  if (ref.includes('@')) return 'past'
  return ref.startsWith('tag/') ? 'tag' : 'kitchen'
}
