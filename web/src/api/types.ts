/** The resources, in the words of the API (the same as the command line's --json). */

export interface Page<T> {
  items: T[]
  next: string | null
}

export type RunState =
  | 'queued'
  | 'running'
  | 'paused'
  | 'publishing'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'superseded'

export interface RunRow {
  run: string
  pipeline: string
  ref: string
  state: RunState
  published: boolean
  reason: string | null
  message: string | null
  cause: string
  actor: string
  commit: string | null
  created: string
  seconds: number | null
  steps: Record<string, number>
}

export interface Step {
  name: string
  state: string
  reason: string | null
  message: string | null
  rows: number | null
  bytes: number | null
  seconds: number | null
  reused_from: string | null
  why: string | null
  windows: string[]
  attempts: number
  hint: string | null
  where: string | null
  trace: string | null
}

export type Row = Record<string, unknown>

export interface TestResult {
  name: string
  type: string
  table: string
  step: string
  stage: string
  verdict: string
  severity: string
  blocking: boolean
  blocks: boolean
  override: { by: string; reason: string } | null
  value: unknown
  limits: Record<string, unknown>
  rows: number | null
  failing: number | null
  sql: string | null
  proof: string | null
  message: string | null
  reason: string | null
  sample: Row[]
  reused: boolean
  reused_from: string | null
  where: string | null
}

export interface Attempt {
  attempt: string
  step: string | null
  epoch: number
  started: string
  finished: string | null
  seconds: number | null
  end: string | null
  error: string | null
  pid: number | null
  out: string | null
  err: string | null
}

export interface RunTable {
  name: string
  content_id: string
  rows: number | null
  bytes: number | null
  location: string | null
  made_by: string | null
  inputs: Record<string, string>
}

export interface Run extends Omit<RunRow, 'steps'> {
  project: string
  base: string | null
  started: string | null
  finished: string | null
  steps: Step[]
  tests: TestResult[]
  warnings: string[]
  children: string[]
  backfill: Backfill | null
  definition: string
  git_commit: string | null
  folder: string
  resumes: string | null
  windows: string[] | null
  select: string[]
  rebuild: string[]
  variables: { pipeline?: string; name: string; value: unknown; origin: string }[]
  pins: Record<string, string>
  edges: Edge[]
  attempts: Attempt[]
  tables: RunTable[]
}

export interface Backfill {
  atomic: boolean
  windows: number
  made: number
  failed: number
  cancelled: number
  open: number
  windows_per_second: number | null
  seconds_left: number | null
}

export interface Column {
  name: string
  type: string
}

export interface Table {
  name: string
  rows: number | null
  bytes: number | null
  columns: Column[]
  content_id: string
  location: string | null
  format: string
  step: string | null
  run: string | null
  untested: boolean
  stale: string[]
  overrides: { test: string; by: string; reason: string; expires: string | null }[]
}

export interface TableVersion {
  commit: string
  kind: string
  author: string
  message: string
  created: string
  run: string | null
  dropped: boolean
  rows: number | null
  bytes: number | null
  content_id: string | null
  location: string | null
  intent: string | null
  windows: string[]
  columns: number | null
}

export interface Metric {
  at: string
  column: string | null
  name: string
  value: number | null
  text: string | null
  estimated: boolean
  window: string | null
  content_id: string
  run: string
  commit: string | null
}

export interface Commit {
  commit: string
  kind: string
  author: string
  on_behalf_of: string | null
  message: string
  created: string
  run: string | null
  code_version: string | null
  parent: string | null
  tree_of: string | null
  tables: string[]
}

export interface Ref {
  ref: string
  kind: 'environment' | 'kitchen' | 'run' | 'attempt' | 'tag'
  head: string
  owner: string
  protected: boolean
  base: string | null
  base_created: string
  behind: number
  expires: string | null
  held: string[]
}

export interface TableChange {
  table: string
  change: string
  rows_before: number | null
  rows_after: number | null
  bytes_before: number | null
  bytes_after: number | null
  columns: { name: string; change: string; before: string | null; after: string | null }[]
  intents: { kind: string; windows: string[] }[]
}

export interface Diff {
  before: { ref: string; commit: string }
  after: { ref: string; commit: string }
  tables: TableChange[]
}

export interface PlanStep {
  name: string
  action: 'run' | 'reuse'
  why: string
  windows: string[]
  inputs: string[]
  outputs: string[]
  problem: { message: string; hint: string | null; where: string | null } | null
}

export interface Plan {
  pipeline: string
  ref: string
  base: string
  steps: PlanStep[]
  variables: { name: string; value: unknown; origin: string }[]
}

export interface Answer {
  more?: boolean
  ref: string
  commit: string
  columns: Column[]
  rows: Row[]
}

export interface Me {
  name: string
  kind: string
  on_behalf_of: string | null
  kitchen: string
}

export interface ProjectRow {
  project: string
  folder: string | null
  environments: string[]
  last_run: RunRow | null
}

export interface Started {
  run: string
}

export interface Rollback {
  ref: string
  from: string
  to: string
  commit: string | null
  applied: boolean
  reason: string | null
  tables: {
    table: string
    rows_before: number | null
    rows_after: number | null
    created: boolean
    dropped: boolean
  }[]
  taken_back: Pick<Commit, 'commit' | 'kind' | 'author' | 'message' | 'created' | 'run'>[]
  downstream: string[]
  held: string[]
  code_version: string | null
}

export interface Edge {
  from: string | null
  to: string
  tables: string[]
}

export interface LastStep {
  run: string
  run_state: string
  state: string
  reason: string | null
  message: string | null
  rows: number | null
  seconds: number | null
  started: string | null
  finished: string | null
}

export interface StepDefinition {
  name: string
  kind: string
  materialize: string
  description: string | null
  owner: string | null
  tags: string[]
  inputs: string[]
  outputs: string[]
  window: string | null
  where: string
  sql: string | null
  tests: number
  last: LastStep | null
}

export interface TestDefinition {
  name: string
  type: string
  table: string
  step: string | null
  stage: string
  severity: string
  blocking: boolean
  params: Record<string, unknown>
  description: string | null
  where: string
}

export interface Test extends TestDefinition {
  last: (TestResult & { run: string; at: string }) | null
}

interface PipelineLine {
  name: string
  description: string | null
  owner: string | null
  priority: number
  schedule: string | null
  held: boolean
  last_run: RunRow | null
  history: RunRow[]
}

export interface PipelineRow extends PipelineLine {
  steps: number
  tables: string[]
  tests: number
}

export interface TableNode {
  name: string
  step: string | null
  pipeline: string | null
  rows: number | null
  bytes: number | null
  content_id: string | null
  untested: boolean | null
}

export interface Pipeline extends PipelineLine {
  project: string
  ref: string
  commit: string
  code: { version: string; origin: string; git_commit: string | null }
  variables: { name: string; value: unknown }[]
  steps: StepDefinition[]
  tables: TableNode[]
  edges: Edge[]
  tests: TestDefinition[]
}

export interface TableDetails extends Table {
  project: string
  ref: string
  commit: string
  changed: TableVersion | null
  inputs: Record<string, string>
  made: { run: string | null; code: string | null; variables: unknown }
  view: string | null
  pipeline: string | null
  owner: string | null
  description: string | null
  described: Record<string, string>
  tests: Test[]
}

export interface Lineage {
  table: string
  tables: (TableNode & { side: 'self' | 'above' | 'below' })[]
  edges: { from: string; to: string; step: string }[]
}

export interface RunBrief {
  run: string
  ref: string
  state: RunState
  created: string
  seconds: number | null
}

export interface Failing {
  run: string
  step: string
  test: string
  table: string
  verdict: string
  blocks: boolean
  message: string | null
  at: string
}

export interface ProjectOverview {
  project: string
  day: Record<string, number>
  pipelines: { name: string; history: RunBrief[] }[]
  failing: Failing[]
  environments: Ref[]
  expiring: Ref[]
  held: { ref: string; pipeline: string }[]
}

export interface Overview {
  at: string
  runs: RunRow[]
  projects: ProjectOverview[]
  engines: number
  workers: number
}

export interface Difference {
  name: string
  a: unknown
  b: unknown
}

interface StepSide {
  state: string
  reason: string | null
  rows: number | null
  bytes: number | null
  seconds: number | null
  why: string | null
}

interface TestSide {
  verdict: string
  blocks: boolean
  value: unknown
  message: string | null
}

export interface Comparison {
  a: RunRow
  b: RunRow
  same_code: boolean
  code: Difference[]
  packages: Difference[]
  variables: Difference[]
  inputs: Difference[]
  windows: Difference[]
  steps: { name: string; a: StepSide | null; b: StepSide | null }[]
  tests: { name: string; a: TestSide | null; b: TestSide | null }[]
}

export interface Worker {
  session: string
  kind: string
  host: string
  pid: number
  labels: string[]
  slots: number
  running: number
  version: string
  started: string
  beat: string
  lost: boolean
}

export interface Settings {
  version: string
  python: string
  system: string
  home: string
  database: string
  warehouse: string
  projects: Record<string, string>
}

export interface Connection {
  name: string
  kind: string
  steps: string[]
}
