import { Page } from '@/ui/Page'
import { Problem } from '@/ui/Problem'

/** The first page could not be shown. */
export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page title="Galley">
      <Problem error={error} retry={reset} />
    </Page>
  )
}
