import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { logIn } from '@/api/actions'
import { forgetSession } from '@/api/client'
import { useWish } from '@/lib/place'
import { Field, input } from '@/ui/Field'
import { Button } from '@/ui/Button'
import { Problem } from '@/ui/Problem'
import { Door } from './Door'

/** Say who you are. */
export function LogIn() {
  const router = useRouter()
  const client = useQueryClient()
  const next = useWish('next')
  const ended = useWish('ended')
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const enter = useMutation({
    mutationFn: () => logIn(user.trim(), password),
    onSuccess: () => {
      forgetSession()
      client.clear()
      router.history.push(next?.startsWith('/') && !next.startsWith('//') ? next : '/')
    },
  })
  function submit(event: FormEvent) {
    event.preventDefault()
    enter.mutate()
  }
  return (
    <Door title="Log in" onSubmit={submit}>
      {enter.isError ? (
        <Problem error={enter.error} />
      ) : (
        ended && (
          <p role="status">Your session has ended. Log in, and you are back where you were.</p>
        )
      )}
      <Field label="Name">
        <input
          className={input}
          autoComplete="username"
          autoFocus
          required
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
      </Field>
      <Field label="Password">
        <input
          className={input}
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <Button look="main" type="submit" disabled={enter.isPending}>
        {enter.isPending ? 'One moment…' : 'Log in'}
      </Button>
      <p className="soft">
        Nobody has a password to begin with: an admin gives you a one-time link with{' '}
        <code>galley users link NAME</code>.
      </p>
    </Door>
  )
}
