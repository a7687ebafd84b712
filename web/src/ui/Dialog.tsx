import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { type ReactNode, useRef } from 'react'
import { Button } from './Button'
import css from './Dialog.module.css'

/** What is to be filled in has the focus first. */
const FIELDS = 'input, select, textarea'

/** A question over the page; Escape and the cross leave it. */
export function Dialog({
  open,
  close,
  title,
  about,
  footer,
  children,
  size = 'm',
}: {
  open: boolean
  close: () => void
  title: string
  about?: ReactNode
  footer?: ReactNode
  children: ReactNode
  size?: 'm' | 'l'
}) {
  const body = useRef<HTMLDivElement>(null)
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && close()}>
      <Base.Portal>
        <Base.Backdrop className={css.backdrop} />
        <Base.Popup
          className={`${css.popup} ${css[size]}`}
          initialFocus={(how) =>
            (how !== 'touch' && body.current?.querySelector<HTMLElement>(FIELDS)) || true
          }
        >
          <div className={css.head}>
            <div>
              <Base.Title className={css.title}>{title}</Base.Title>
              {about && <Base.Description className={css.about}>{about}</Base.Description>}
            </div>
            <Base.Close render={<Button look="bare" aria-label="Close" icon={<X />} />} />
          </div>
          <div ref={body} className={css.body}>
            {children}
          </div>
          {footer && <div className={css.footer}>{footer}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
