import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { followLink } from '@/api/actions'
import { forgetSession } from '@/api/client'
import { Button } from '@/ui/Button'
import { Field, input } from '@/ui/Field'
import { Problem } from '@/ui/Problem'
import { Door } from './Door'

/** A one-time link: choose a password. Its secret stands behind the # and is sent only here. */
export function Welcome() {
  const router = useRouter()
  const client = useQueryClient()
  const [link] = useState(() => window.location.hash.slice(1))
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const differ = again !== '' && again !== password
  const enter = useMutation({
    mutationFn: () => followLink(link, password),
    onSuccess: () => {
      forgetSession()
      client.clear()
      router.history.push('/')
    },
  })
  function submit(event: FormEvent) {
    event.preventDefault()
    if (again === password) enter.mutate()
  }
  return (
    <Door title="Welcome to Galley" onSubmit={submit}>
      {!link && <p>This page needs the one-time link that an admin gives you.</p>}
      {enter.isError && <Problem error={enter.error} />}
      <Field label="Choose a password" hint="A few words that only you would put together.">
        <input
          className={input}
          type="password"
          autoComplete="new-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <Field label="Once more" hint={differ ? 'The two differ.' : undefined}>
        <input
          className={input}
          type="password"
          autoComplete="new-password"
          required
          value={again}
          onChange={(event) => setAgain(event.target.value)}
        />
      </Field>
      <Button look="main" type="submit" disabled={!link || differ || enter.isPending}>
        {enter.isPending ? 'One moment…' : 'Go in'}
      </Button>
    </Door>
  )
}
