import { Link } from '@tanstack/react-router'
import { Empty } from '@/ui/Empty'
import { Page } from '@/ui/Page'

/** An address that leads nowhere. */
export function Lost() {
  return (
    <Page title="Nothing here">
      <Empty title="This address leads nowhere.">
        It may have been mistyped, or what it showed was removed. <Link to="/">Start again</Link>,
        or press <kbd>/</kbd> to search.
      </Empty>
    </Page>
  )
}
