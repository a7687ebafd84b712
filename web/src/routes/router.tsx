import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router'
import { me, projects, tables } from '@/api/queries'
import { Shell } from '@/features/shell/Shell'
import { PRODUCTION } from '@/lib/place'
import { Broken } from './Broken'
import { Lost } from './Lost'

type Search = Record<string, unknown> & { ref?: string }

const root = createRootRouteWithContext<{ client: QueryClient }>()({
  component: Outlet,
  notFoundComponent: Lost,
  validateSearch: (search: Record<string, unknown>): Search => search,
  search: { middlewares: [retainSearchParams(['ref'])] },
})

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  loader: async ({ context }) => {
    const found = await context.client.fetchQuery(projects())
    const first = found.items[0]
    if (!first) return
    const { project } = first
    throw redirect({
      to: '/p/$project',
      params: { project },
      search: await firstLook(context.client, project),
    })
  },
  component: lazyRouteComponent(() => import('@/features/starting/NoProject'), 'NoProject'),
})

/** Where nothing was promoted yet, the reader's own kitchen is what there is to see. */
async function firstLook(client: QueryClient, project: string): Promise<Search> {
  const [page, person] = await Promise.all([
    client.fetchInfiniteQuery(tables(project, PRODUCTION)),
    client.fetchQuery(me()),
  ])
  return page.pages[0]?.items.length ? {} : { ref: person.kitchen }
}

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  component: lazyRouteComponent(() => import('@/features/login/LogIn'), 'LogIn'),
})

const welcome = createRoute({
  getParentRoute: () => root,
  path: '/welcome',
  component: lazyRouteComponent(() => import('@/features/login/Welcome'), 'Welcome'),
})

const shell = createRoute({
  getParentRoute: () => root,
  path: '/p/$project',
  component: Shell,
  notFoundComponent: Lost,
})

const under = <P extends string>(path: P) => ({ getParentRoute: () => shell, path })

const environments = createRoute({ ...under('/environments') })

const tree = root.addChildren([
  home,
  login,
  welcome,
  shell.addChildren([
    createRoute({
      ...under('/'),
      component: lazyRouteComponent(() => import('@/features/overview/Overview'), 'Overview'),
    }),
    createRoute({
      ...under('/work'),
      component: lazyRouteComponent(() => import('@/features/work/MyWork'), 'MyWork'),
    }),
    createRoute({
      ...under('/pipelines'),
      component: lazyRouteComponent(() => import('@/features/pipelines/Pipelines'), 'Pipelines'),
    }),
    createRoute({
      ...under('/pipelines/$pipeline'),
      component: lazyRouteComponent(() => import('@/features/pipeline/Pipeline'), 'Pipeline'),
    }),
    createRoute({
      ...under('/runs'),
      component: lazyRouteComponent(() => import('@/features/runs/Runs'), 'Runs'),
    }),
    createRoute({
      ...under('/compare'),
      component: lazyRouteComponent(() => import('@/features/compare/Compare'), 'Compare'),
    }),
    createRoute({
      ...under('/runs/$run'),
      component: lazyRouteComponent(() => import('@/features/run/Run'), 'Run'),
    }),
    createRoute({
      ...under('/tables'),
      component: lazyRouteComponent(() => import('@/features/tables/Tables'), 'Tables'),
    }),
    createRoute({
      ...under('/tables/$table'),
      component: lazyRouteComponent(() => import('@/features/table/Table'), 'Table'),
    }),
    environments.addChildren([
      createRoute({
        getParentRoute: () => environments,
        path: '/',
        component: lazyRouteComponent(
          () => import('@/features/environments/Environments'),
          'Environments',
        ),
      }),
      createRoute({
        getParentRoute: () => environments,
        path: '$',
        component: lazyRouteComponent(
          () => import('@/features/environments/Environment'),
          'Environment',
        ),
      }),
    ]),
    createRoute({
      ...under('/sql'),
      component: lazyRouteComponent(() => import('@/features/sql/Sql'), 'Sql'),
    }),
    createRoute({
      ...under('/triggers'),
      component: lazyRouteComponent(() => import('@/features/triggers/Triggers'), 'Triggers'),
    }),
    createRoute({
      ...under('/workers'),
      component: lazyRouteComponent(() => import('@/features/workers/Workers'), 'Workers'),
    }),
    createRoute({
      ...under('/connections'),
      component: lazyRouteComponent(
        () => import('@/features/connections/Connections'),
        'Connections',
      ),
    }),
    createRoute({
      ...under('/settings'),
      component: lazyRouteComponent(() => import('@/features/settings/Settings'), 'Settings'),
    }),
  ]),
])

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultErrorComponent: Broken,
    defaultNotFoundComponent: Lost,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
