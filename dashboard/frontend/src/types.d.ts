// Shapes that cross modules: the live protocol, what a page gives to a view, the theme, globals.
// `dashboard/api` writes the replies, `dashboard/components` the props; the fixtures in
// `test/replies` are recorded from the real routes.

/** Values of one metric at one step: a number, null where it is none (NaN), or one per layer. */
export type Value = number | null | (number | null)[]

/** Points of a reply: what is new since the cursor that was sent. */
export interface Points {
  /** The first step in `s`, each further one as its distance from the one before. */
  s: number[]
  v: Value[]
  /** Steps in a bucket, a power of two, and the mean of all rows of each bucket. */
  w?: number
  a?: (number | null)[]
  /** The cursor to send next. */
  c?: string
  /** What is kept of these points begins here: points from this step on are replaced. */
  from?: number
  /** The run has rows, but never one of this metric. */
  missing?: boolean
}

/** step, level (warning, good, note, switch, restart), words. */
export type Alarm = [step: number, level: string, text: string]

/** One run in a reply of /api/live. */
export interface LiveReply {
  gone?: true
  state?: string
  step?: number
  steps?: number
  loss?: number | string | null
  grad?: number | string | null
  validation?: number | null
  rate?: number | null
  left?: number | null
  message?: string
  snapshot?: number
  m?: Record<string, Points>
  latest?: Record<string, [step: number, value: Value]>
  events?: { from: number, cursor: string, alarms?: Alarm[], sample?: [step: number, text: string] }
}

/** A grid of runs in `counts`. */
export interface GridCounts {
  total: number
  done: number
  training: number
  paused: number
  waiting: number
  diverged: number
  failed: number
  stopped: number
  seconds_left: number | null
}

/** The reply of /api/live. */
export interface Reply {
  counts: { training: number, paused: number, waiting: number, grids?: GridCounts[] }
  runs: LiveReply[]
}

/** What the hub keeps of one metric of one run. */
export interface Series {
  steps: number[]
  values: Value[]
  buckets: number[]
  means: (number | null)[]
  width?: number
  cursor?: string
  missing?: boolean
  version: number
}

/** What the hub keeps of one run. */
export interface LiveRun {
  series: Map<string, Series>
  latest: Record<string, { step: number, value: Value }>
  alarms: Alarm[]
  sample: [step: number, text: string] | null
  events: string
  state: string | null
  step: number
  steps: number
  loaded: boolean
  gone: boolean
  settled: string
  quiet: number
  heard: number
  loss?: number | string | null
  grad?: number | string | null
  validation?: number | null
  rate?: number | null
  left?: number | null
  message?: string | null
  snapshot?: number
}

/** A run as a page describes it to a view. */
export interface Run {
  id: string
  name: string
  label?: string
  state?: string
  colour?: number
  group?: string
  experiment?: string
  detail?: string
  twin?: string
  steps?: number
  unit?: string
  tokens_per_step?: number
  flops_per_step?: number
  [more: string]: any
}

/** Colours of one mode, as dashboard/palette.py names them. */
export interface Colours {
  runs: string[]
  runs_text: string[]
  ramp: string[]
  diverging: string[]
  cividis: string[]
  [colour: string]: any
}

/** The colours of the mode that is shown, and how the page looks besides. */
export interface Theme extends Colours {
  dark: boolean
  font: string
  code: string
}

/** Both modes' colours. */
export type Palette = Record<"light" | "dark", Colours>

/** What a page gives to a view; each view reads its own names of it. */
export interface Props {
  view?: string
  runs?: Run[]
  palette?: Palette
  follow?: boolean
  height?: number
  plotly?: string
  [more: string]: any
}

/** What Streamlit hands over at each change of data or theme. */
export interface Component {
  data: Props
  parentElement: HTMLElement
  setTriggerValue(name: string, value: any): void
}

/** What a view wants of the next reply. */
export interface Asks {
  runs?: string[]
  metrics?: string[]
  latest?: string[]
  focus?: string[]
  layers?: string[]
  headline?: string[]
  own?: Record<string, string[]>
  counts?: boolean
}

/** What is mounted on a page. */
export interface View {
  props: Props
  asks(): Asks
  tick(force?: boolean): void
  update(component: Component): void
  destroy(): void
  choice?(before: Choice): void
  chooses?: boolean
  /** A tick takes the browser long: others may go before the next view's. */
  draws?: boolean
  trigger?(name: string, value: any): void
}

/** What the parts of a page share. */
export interface Choice {
  ids: string[] | null
  focus: string | null
  step: number | null
  zoom: number[] | null
}

/** A bucket of steps; `broken` where a row of it is no number. */
export interface Cell {
  begin: number
  end: number
  middle: number
  span: number
  mean: number | null
  low: number | null
  high: number | null
  broken?: boolean
}

/** A row of the runs table. */
export interface Row extends Run {
  tags: string[]
  settings: any[]
  validation: [last: number | null, best: number | null]
  training: [last: number | null, best: number | null]
  evaluate_every?: number
}

/** A line of the runs table: a run, or a group folded into one line. */
export interface Line {
  key: string
  name: string
  rows: Row[]
  group?: string
  level: number
}

/** What a table is sorted by. */
export interface Sort {
  by: string
  down?: boolean
  best?: boolean
  index?: number
}

/** A matrix of bytes or numbers with its shape. */
export interface Grid {
  data: any
  shape: number[]
  [more: string]: any
}

declare global {
  interface Window {
    /** plotly.js, once it is loaded. */
    Plotly?: any
    addnormPlotly?: Promise<any>
    addnormHub?: any
    addnormInspections?: any
  }
  interface Element {
    /** The newest that Streamlit handed over for this place. */
    addnorm?: Component | null
  }
  interface MapConstructor {
    /** Newer than ES2022; where it is missing, another way is taken. */
    groupBy?<K, T>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]>
  }
}
