// What the routes of `dashboard/api` answer. Written from `dashboard/api/replies.py` by
// `python -m dashboard.api.types`; a test holds the two together.

export type Alarm = [number, string, string]

export type At = [number, Value]

/** A cell of "Which trained?": `text` stands in it, `small` below that, `said` for readers. */
export interface Cell {
  kind: "empty" | "impossible" | "live" | "learned" | "mixed" | "dead" | "plain" | "diverged" | "failed" | "stopped"
  text: string
  small: string
  said: string
  /** Nats, for the shade; null where it has none. */
  value: number | null
  /** Runs that the number is the mean of. */
  count: number
  /** Runs behind the cell. */
  of: number
  /** What is done of them, 0 to 1, while any trains or waits. */
  share: number | null
}

/** /api/cells. */
export interface Cells {
  cells: Cell[]
}

/** Runs at work, and the grids of which any is. */
export interface Counts {
  training: number
  paused: number
  waiting: number
  grids?: GridCounts[]
}

/** What was said of a run since the cursor that was sent; all of it where `from` is 0. */
export interface Events {
  from: number
  cursor: string
  alarms?: Alarm[]
  /** The newest that was said of its loss is that it does not come down. */
  stuck?: true
  sample?: Sample
}

/** The run was deleted. */
export interface Gone {
  gone: true
}

/**
 * How far a grid of runs is; `done` came to their end, `diverged` are some of them. `paused` are
 * paused or held back, `stopped` stopped or interrupted; `seconds_left` is for those that train or
 * wait, null while nothing was measured.
 */
export interface GridCounts {
  id: string
  name: string
  total: number
  done: number
  diverged: number
  failed: number
  stopped: number
  training: number
  waiting: number
  paused: number
  seconds_left: number | null
}

/** A number, or why there is none: NaN, ∞ or -∞. */
export type Headline = number | string | null

/** /api/live: everything that a tab shows, the runs in the order that was asked for. */
export interface Live {
  counts: Counts
  runs: (LiveRun | Gone)[]
}

/** One run in a reply of /api/live. */
export interface LiveRun {
  state: State
  step: number
  steps: number
  loss?: Headline
  grad?: Headline
  validation?: Headline
  /** Tokens, or images, per second. */
  rate?: number
  /** Seconds. */
  left?: number
  /** Of a run that waits: its place in the queue, and about when it starts. */
  place?: string
  message?: string
  /** The step of the newest snapshot of attention. */
  snapshot?: number
  m?: Record<string, Points | Missing>
  latest?: Record<string, At>
  events?: Events
}

/** The run has rows, but never one of this metric. */
export interface Missing {
  missing: true
}

/** What is new of a metric since the cursor that was sent. */
export interface Points {
  from: number
  s: number[]
  v: Value[]
  w?: number
  a?: (number | null)[]
  /** The cursor to send next. */
  c: string
}

/** What went wrong, in one sentence; with status 400, 403 or 404. */
export interface Problem {
  error: string
}

/** /api/profile: of each run and metric the newest row at or before the step. */
export interface Profiles {
  runs: Record<string, At>[]
}

/**
 * Points of one metric. What was kept from step `from` on is replaced by them. Steps are distances
 * from the one before, the first from 0.
 */
export interface Range {
  from: number
  s: number[]
  v: Value[]
  /** Steps in a bucket, where rows are thinned: a power of two. */
  w?: number
  /** The mean of all rows of each bucket. */
  a?: (number | null)[]
}

/** /api/series of several runs: each one's points, null where it lacks them or is gone. */
export interface Ranges {
  runs: (Range | null)[]
}

export type Sample = [number, string]

/** /api/attention/RUN/SOURCE/scores: by score, layer and head. */
export type Scores = Record<string, ((number | null)[])[]>

/** /api/attention/RUN: where attention was kept; a stamp changes when it is taken anew. */
export interface Snapshots {
  steps: number[]
  stamps: string[]
}

export type Stage = "waiting" | "working" | "done" | "failed" | "cancelled"

/** /api/inspections/RUN/ID: where a question to a trained network stands. */
export interface Standing {
  state: Stage
  /** Share of the work that is done, 0 to 1. */
  progress: number
  message: string
}

export type State = "queued" | "starting" | "running" | "paused" | "finished" | "stopped" | "interrupted" | "diverged" | "failed" | "out_of_memory"

/** /api/inspections/RUN/ID/stream: what came since the item that was asked for. */
export interface Stream {
  state: Stage
  progress: number
  message: string
  items: Record<string, unknown>[]
  next: number
  /** More is there already; ask again at once. */
  more: boolean
}

/** A metric at one step, or one value per layer; null: not finite. */
export type Value = number | (number | null)[] | null

/** /api/language/LANGUAGE: templates, and their forms in a language. */
export type Words = Record<string, string[]>
