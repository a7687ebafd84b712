import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import '@/ui/theme.css'
import '@/ui/base.css'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from '@/api/client'
import { me } from '@/api/queries'
import type { Me } from '@/api/types'
import { fetchPages, makeRouter } from '@/routes/router'

/** After this long the first page is there, and the others may come. */
const CALM = 3000
const FINAL = new Set([400, 401, 403, 404, 405, 409, 412, 422])

/** Where somebody has to be logged in and nobody is, everything leads to the door, and back. */
function onError(error: Error) {
  const here = window.location
  if (!(error instanceof ApiError) || error.status !== 401 || here.pathname === '/login') return
  const ended = client.getQueryData<Me>(me().queryKey)?.via === 'session' || undefined
  router.navigate({ to: '/login', search: { next: here.pathname + here.search, ended } })
}

const client = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (tries, error) => !(error instanceof ApiError && FINAL.has(error.status)) && tries < 4,
    },
  },
})

const router = makeRouter(client)
setTimeout(() => fetchPages(router), CALM)
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  )
}
