import { Empty } from '@/ui/Empty'
import { Page } from '@/ui/Page'

/** A home without a project. */
export function NoProject() {
  return (
    <Page title="Welcome to Galley">
      <Empty title="There is no project here yet." command="galley demo">
        Pipelines are plain files in a folder. The demo brings a project with a year of real
        flights; <code>galley init</code> starts one of your own.
      </Empty>
    </Page>
  )
}
