import { lazyRouteComponent } from '@tanstack/react-router'

const AGAIN = 2000

/** A page of the interface, whose code comes when it is wanted, or before, while nothing else is to do. */
export function page<T extends Record<string, unknown>, K extends keyof T & string>(
  fetchCode: () => Promise<T>,
  name: K,
) {
  return lazyRouteComponent(() => patiently(fetchCode), name)
}

/**
 * While the server is away its code is waited for, and the page before it stays. Where the server
 * answers and has no such code there is a newer interface, and the router loads that.
 */
async function patiently<T>(fetchCode: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await fetchCode()
    } catch (error) {
      if (await answers()) throw error
      await new Promise((resolve) => setTimeout(resolve, AGAIN))
    }
  }
}

async function answers(): Promise<boolean> {
  try {
    await fetch('/health')
    return true
  } catch {
    return false
  }
}
