import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Outlet,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router'
import { me, projects, tables } from '@/api/queries'
import { Shell } from '@/features/shell/Shell'
import { PRODUCTION } from '@/lib/place'
import { Broken } from './Broken'
import { Lost } from './Lost'
import { page } from './page'

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
  component: page(() => import('@/features/starting/NoProject'), 'NoProject'),
})

/** Where nothing was promoted yet, the reader's own kitchen is what there is to see. */
async function firstLook(client: QueryClient, project: string): Promise<Search> {
  const [shown, person] = await Promise.all([
    client.fetchInfiniteQuery(tables(project, PRODUCTION)),
    client.fetchQuery(me()),
  ])
  return shown.pages[0]?.items.length ? {} : { ref: person.kitchen }
}

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  component: page(() => import('@/features/login/LogIn'), 'LogIn'),
})

const welcome = createRoute({
  getParentRoute: () => root,
  path: '/welcome',
  component: page(() => import('@/features/login/Welcome'), 'Welcome'),
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
      component: page(() => import('@/features/overview/Overview'), 'Overview'),
    }),
    createRoute({
      ...under('/work'),
      component: page(() => import('@/features/work/MyWork'), 'MyWork'),
    }),
    createRoute({
      ...under('/pipelines'),
      component: page(() => import('@/features/pipelines/Pipelines'), 'Pipelines'),
    }),
    createRoute({
      ...under('/pipelines/$pipeline'),
      component: page(() => import('@/features/pipeline/Pipeline'), 'Pipeline'),
    }),
    createRoute({
      ...under('/runs'),
      component: page(() => import('@/features/runs/Runs'), 'Runs'),
    }),
    createRoute({
      ...under('/compare'),
      component: page(() => import('@/features/compare/Compare'), 'Compare'),
    }),
    createRoute({
      ...under('/runs/$run'),
      component: page(() => import('@/features/run/Run'), 'Run'),
    }),
    createRoute({
      ...under('/tables'),
      component: page(() => import('@/features/tables/Tables'), 'Tables'),
    }),
    createRoute({
      ...under('/tables/$table'),
      component: page(() => import('@/features/table/Table'), 'Table'),
    }),
    environments.addChildren([
      createRoute({
        getParentRoute: () => environments,
        path: '/',
        component: page(() => import('@/features/environments/Environments'), 'Environments'),
      }),
      createRoute({
        getParentRoute: () => environments,
        path: '$',
        component: page(() => import('@/features/environments/Environment'), 'Environment'),
      }),
    ]),
    createRoute({
      ...under('/sql'),
      component: page(() => import('@/features/sql/Sql'), 'Sql'),
    }),
    createRoute({
      ...under('/triggers'),
      component: page(() => import('@/features/triggers/Triggers'), 'Triggers'),
    }),
    createRoute({
      ...under('/workers'),
      component: page(() => import('@/features/workers/Workers'), 'Workers'),
    }),
    createRoute({
      ...under('/connections'),
      component: page(() => import('@/features/connections/Connections'), 'Connections'),
    }),
    createRoute({
      ...under('/settings'),
      component: page(() => import('@/features/settings/Settings'), 'Settings'),
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

/** Fetches the code of every page, so that none of them has to wait for it, or for the server. */
export function fetchPages(router: ReturnType<typeof makeRouter>): void {
  for (const route of Object.values(router.routesById)) {
    const component = route.options.component as { preload?: () => Promise<unknown> } | undefined
    component?.preload?.()
  }
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
