import type { Trigger } from '@/api/types'
import { Choice, Field, input } from '@/ui/Field'

type Parameter = Trigger['parameters'][number]

const KINDS: Record<string, string> = { integer: 'number', number: 'number', date: 'date' }

/** A form as a trigger declares it. */
export function Form({
  parameters,
  texts,
  onChange,
}: {
  parameters: Parameter[]
  texts: Record<string, string>
  onChange: (texts: Record<string, string>) => void
}) {
  if (!parameters.length) return <p className="soft">It asks for nothing.</p>
  return parameters.map((one) => {
    const value = texts[one.name] ?? (one.default == null ? '' : String(one.default))
    const set = (text: string) => onChange({ ...texts, [one.name]: text })
    const choices = one.type === 'boolean' ? ['true', 'false'] : one.choices?.map(String)
    return (
      <Field
        key={one.name}
        label={one.label ?? one.name}
        hint={one.required ? 'needed' : undefined}
      >
        {choices ? (
          <Choice
            label={one.label ?? one.name}
            value={value}
            onChange={set}
            options={['', ...choices].map((choice) => [choice, choice || 'choose'])}
          />
        ) : (
          <input
            className={input}
            type={KINDS[one.type] ?? 'text'}
            min={one.minimum}
            max={one.maximum}
            value={value}
            onChange={(event) => set(event.target.value)}
          />
        )}
      </Field>
    )
  })
}

/** Whether all that is needed was given. */
export function isFilled(parameters: Parameter[], texts: Record<string, string>): boolean {
  return parameters.every((one) => !one.required || texts[one.name] || one.default != null)
}

/** What was filled in, by type; what is empty is left to the default. */
export function valuesOf(
  parameters: Parameter[],
  texts: Record<string, string>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const { name, type } of parameters) {
    const text = texts[name]
    if (!text) continue
    if (type === 'integer' || type === 'number') values[name] = Number(text)
    else if (type === 'boolean') values[name] = text === 'true'
    else values[name] = text
  }
  return values
}
