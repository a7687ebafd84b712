import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ChevronDown, FlaskConical, GitBranch, ShieldCheck, Tag } from 'lucide-react'
import { me, refs } from '@/api/queries'
import type { Ref } from '@/api/types'
import { PRODUCTION, type Search, usePlace } from '@/lib/place'
import { Menu, MenuGroup, MenuItem } from '@/ui/Menu'
import css from './RefPicker.module.css'

const GROUPS: [kind: Ref['kind'], name: string][] = [
  ['environment', 'Environments'],
  ['kitchen', 'Kitchens'],
  ['tag', 'Tags'],
]

const ICONS = { environment: ShieldCheck, kitchen: FlaskConical, tag: Tag }

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
  const items: Pick<Ref, 'ref' | 'kind'>[] = [
    ...known,
    ...missing.map((ref) => ({ ref, kind: 'kitchen' as const })),
  ]
  const kind = items.find((item) => item.ref === place)?.kind
  const Icon = kind === 'kitchen' || place.startsWith('kitchen/') ? FlaskConical : GitBranch
  return (
    <Menu
      trigger={
        <button
          type="button"
          className={css.picker}
          data-production={place === PRODUCTION || undefined}
          title="What every page looks at"
        >
          {place === PRODUCTION ? <ShieldCheck aria-hidden /> : <Icon aria-hidden />}
          <span className="sr">Looking at</span>
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
