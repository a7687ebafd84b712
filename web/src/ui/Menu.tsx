import { Menu as Base } from '@base-ui/react/menu'
import { Check } from 'lucide-react'
import type { ReactElement, ReactNode } from 'react'
import css from './Menu.module.css'

/** A button that opens a list of choices. */
export function Menu({ trigger, children }: { trigger: ReactElement; children: ReactNode }) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="start" className={css.positioner}>
          <Base.Popup className={css.popup}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

export function MenuItem({
  onSelect,
  children,
  checked = false,
}: {
  onSelect: () => void
  children: ReactNode
  checked?: boolean
}) {
  return (
    <Base.Item className={css.item} data-checked={checked || undefined} onClick={onSelect}>
      {children}
      {checked && <Check aria-label="chosen" className={css.check} />}
    </Base.Item>
  )
}

export function MenuGroup({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Base.Group>
      <Base.GroupLabel className={css.label}>{name}</Base.GroupLabel>
      {children}
    </Base.Group>
  )
}
