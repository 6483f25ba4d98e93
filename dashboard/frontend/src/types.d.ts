// Shapes that cross modules: what the tab keeps, what a page gives to a view, the theme, globals.
// What the routes answer is described in protocol/replies.d.ts; `dashboard/components` writes props.

import type { Alarm, Counts, Headline, Sample, Stage, State, Value } from "./protocol/replies"

/** What the hub keeps of one metric of one run. */
export interface Series {
  steps: number[]
  values: Value[]
  buckets: number[]
  means: (number | null)[]
  width: number
  cursor: string
  missing: boolean
  version: number
}

/** What the hub keeps of one run. */
export interface LiveRun {
  series: Map<string, Series>
  latest: Record<string, { step: number, value: Value }>
  alarms: Alarm[]
  stuck: boolean
  sample: Sample | null
  events: string
  state: State | null
  step: number
  steps: number
  loaded: boolean
  gone: boolean
  settled: string
  quiet: number
  heard: number
  loss?: Headline
  grad?: Headline
  validation?: Headline
  rate?: number | null
  left?: number | null
  place?: string | null
  message?: string | null
  snapshot?: number | null
}

/** A run as a page describes it to a view. */
export interface Run {
  id: string
  name: string
  label?: string
  state?: State | "gone"
  colour?: number
  group?: string | null
  experiment?: string
  detail?: string
  twin?: string | null
  /** Where a fork was left by its parent. */
  fork?: { run: string, name: string, step: number } | null
  steps?: number
  unit?: string
  tokens_per_step?: number | null
  flops_per_step?: number | null
  /** What became of it, as the page knew it. */
  verdict?: string
  [more: string]: any
}

/** Colours of one mode, as core/palette.py names them. */
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
  view: string
  hub: string
  runs?: Run[]
  palette: Palette
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
  setStateValue(name: string, value: any): void
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

/** What is mounted on a page. Streamlit gives it `props` by `update`, before all else. */
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

/** A question to a trained network, as a page describes it to a view. */
export interface Question {
  run: string
  id: string
  state: Stage
  step: number
  name: string
  colour?: number
  label?: string
}

/** What "What am I looking at?" says of a chart; `terms` are labels that the glossary knows. */
export interface Notice {
  axes: string
  theory: string
  /** Of what is drawn at this moment, a sentence each. */
  now: string[]
  terms: string[]
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
  state: State
  words: string
  full: string
  where?: string
  /** Of a run that waits: its place in the queue, and about when it starts. */
  place?: string | null
  bad: string
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
  shape: number[]
  data: any
  /** Of a difference: what it is the difference of. */
  parts?: Grid[]
}

/** Ranges of a graph's axes, as they count (powers of ten on a logarithmic one); y may be free. */
export interface Zoom {
  x: number[]
  y: number[] | null
}

/** A name at the end of a line: where that is, as values, and `at` in pixels from the frame's top. */
export interface End {
  x: number
  y: number
  text: string
  full?: string
  colour: string
  /** The run that a press on it isolates. */
  run?: string
}

/** A div that Plotly made a graph of. What begins with an underscore is for charts/plotly.js alone. */
export interface Plot extends HTMLDivElement {
  on(event: string, heard: (event: any) => void): void
  /** What it was drawn with. */
  layout: any
  _dragging?: boolean
  _fullLayout?: { xaxis?: PlotAxis, yaxis?: PlotAxis }
}

export interface PlotAxis {
  range: number[]
  _offset: number
  _length: number
  d2p(value: number): number
  p2d(pixels: number): number
}

declare global {
  interface Window {
    /** plotly.js, once it is loaded. */
    Plotly?: any
    addnormPlotly?: Promise<any>
    addnormHub?: any
    addnormInspections?: any
  }
  /** What a published page's data files call. */
  var addnormFile: ((name: string, content: Record<string, string>) => void) | undefined
  /** What answers in place of the dashboard, in a page that was published. */
  var addnormServer: ((address: string) => Promise<Response>) | undefined
  interface Element {
    /** The newest that Streamlit handed over for this place. */
    addnorm?: Component | null
  }
  interface MapConstructor {
    /** Newer than ES2022; where it is missing, another way is taken. */
    groupBy?<K, T>(items: Iterable<T>, key: (item: T) => K): Map<K, T[]>
  }
}
