import type { ReactNode } from 'react'
import type { PromotionPlan } from '@/api/types'
import { plural, short } from '@/lib/numbers'
import { Changes } from '@/ui/Changes'
import { PlanView } from '@/ui/PlanView'
import { Tag } from '@/ui/Status'
import css from './Promote.module.css'

const TONES = { added: 'ok', changed: 'busy', removed: 'bad' } as const

/** What a promotion would change: the code, what is made or taken over, and the tables. */
export function PromotionView({ plan }: { plan: PromotionPlan }) {
  const differ = plan.tables.filter((row) => row.change !== 'dropped')
  const alone = plan.tables.filter((row) => row.change === 'dropped').map((row) => row.table)
  return (
    <>
      <Part title={plan.code.length ? codeWords(plan) : 'No step of the code changed'}>
        {plan.code.length > 0 && (
          <ul className={css.code}>
            {plan.code.map(({ step, change }) => (
              <li key={step}>
                <Tag tone={TONES[change as keyof typeof TONES]}>{change}</Tag>
                {step}
              </li>
            ))}
          </ul>
        )}
        {plan.git_commit && (
          <p className="soft">
            as git commit <span className="mono">{short(plan.git_commit)}</span>
          </p>
        )}
      </Part>
      <PlanView plan={plan} />
      <Part
        title={
          differ.length
            ? `Where ${plan.from ?? 'the two'} and ${plan.to} differ now`
            : 'Their tables are the same now'
        }
      >
        {differ.length > 0 && <Changes changes={differ} />}
        {alone.length > 0 && (
          <p className="soft">
            Only {plan.to} has {alone.join(', ')}: nothing is dropped by a promotion.
          </p>
        )}
      </Part>
      {plan.left_over.length > 0 && (
        <p className="soft">
          No step makes {plan.left_over.join(', ')} any more: what is there stays.
        </p>
      )}
    </>
  )
}

function codeWords(plan: PromotionPlan): string {
  return plan.present_code
    ? `${plural(plan.code.length, 'step changes', 'steps change')} in the code`
    : `${plural(plan.code.length, 'step arrives', 'steps arrive')} for the first time`
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={css.part}>
      <h3>{title}</h3>
      {children}
    </section>
  )
}
