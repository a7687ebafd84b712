import { useQuery } from '@tanstack/react-query'
import { me, settings } from '@/api/queries'
import { setTheme, useTheme } from '@/lib/theme'
import { Facts } from '@/ui/Facts'
import { Choice } from '@/ui/Field'
import { Load } from '@/ui/Load'
import { Card, Page, Section } from '@/ui/Page'

/** How this installation is set, and how this browser shows it. */
export function Settings() {
  const found = useQuery(settings())
  const who = useQuery(me())
  const theme = useTheme()
  return (
    <Page title="Settings">
      <Section title="Here">
        <Card>
          <Facts
            of={[
              ['You are', who.data?.name],
              ['Your kitchen', who.data?.kitchen],
              ['Acting for', who.data?.on_behalf_of],
              ['Role', who.data?.role],
              ['Teams', who.data?.teams.join(', ')],
              [
                'Theme',
                <Choice
                  key="theme"
                  label="Theme"
                  value={theme}
                  options={[
                    ['light', 'Light'],
                    ['dark', 'Dark'],
                  ]}
                  onChange={(next) => setTheme(next === 'dark' ? 'dark' : 'light')}
                />,
              ],
            ]}
          />
        </Card>
      </Section>
      <Section title="This installation">
        <Load query={found}>
          {(facts) => (
            <Card>
              <Facts
                of={[
                  ['Galley', facts.version],
                  ['Python', facts.python],
                  ['System', facts.system],
                  ['Home', <code key="h">{facts.home}</code>],
                  ['Database', <code key="d">{facts.database}</code>],
                  ['Warehouse', <code key="w">{facts.warehouse}</code>],
                  ...Object.entries(facts.projects).map(
                    ([name, folder]): [string, React.ReactNode] => [
                      `Project ${name}`,
                      <code key={name}>{folder}</code>,
                    ],
                  ),
                ]}
              />
            </Card>
          )}
        </Load>
      </Section>
    </Page>
  )
}
