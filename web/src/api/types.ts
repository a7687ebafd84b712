/**
 * The resources, by the names that pages use. Their shapes are generated from the server's own
 * description (`schema.d.ts`, by `scripts/web-schema`): nothing here is written by hand twice.
 */

import type { components } from './schema'

type Shapes = components['schemas']
type Item<T extends readonly unknown[]> = T[number]

export interface Page<T> {
  items: T[]
  next: string | null
}

export type Row = Record<string, unknown>

export type Me = Shapes['Me']
export type ProjectRow = Shapes['Project']
export type Overview = Shapes['Overview']
export type ProjectOverview = Shapes['ProjectOverview']
export type RunBrief = Item<Item<ProjectOverview['pipelines']>['history']>

export type RunRow = Shapes['RunRow']
export type RunState = Shapes['RunState']
export type Run = Shapes['Run']
export type Attempt = Item<Run['attempts']>
export type RunTable = Item<Run['tables']>
export type Comparison = Shapes['Comparison']
export type Difference = Item<Comparison['code']>

export type PipelineRow = Shapes['PipelineRow']
export type Pipeline = Shapes['Pipeline']
export type StepDefinition = Shapes['StepDefinition']
export type Plan = Shapes['Plan']

export type Table = Shapes['TableRow']
export type TableDetails = Shapes['Table']
export type TableVersion = Shapes['TableVersion']
export type Column = Item<Table['columns']>
export type Metric = Shapes['Metric']
export type RunMetric = Shapes['RunMetric']
export type Lineage = Shapes['Lineage']
export type TableNode = Item<Lineage['tables']>
export type Diff = Shapes['Diff']
export type TableChange = Item<Diff['tables']>
export type Test = Shapes['Test']
export type TestResult = Shapes['Verdict']

export type Ref = Shapes['Ref']
export type Version = Shapes['Version']
export type Commit = Shapes['Commit']
export type Rollback = Shapes['Rollback']
export type Promotion = Shapes['Promotion']
export type PromotionPlan = Promotion['plan']
export type Answer = Shapes['Rows']

export type Worker = Shapes['Worker']
export type Settings = Shapes['Settings']
export type Connection = Shapes['Connection']

export type Trigger = Shapes['Trigger']
export type NextFire = Shapes['NextFire']
export type Fire = Shapes['Fire']
export type Alert = Shapes['Alert']
export type Session = Shapes['Session']
