import { Page } from '@/ui/Page'
import { Problem } from '@/ui/Problem'

/** A page that could not be shown; what stands around it stays. */
export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page title="This page failed">
      <Problem error={error} retry={reset} />
    </Page>
  )
}
