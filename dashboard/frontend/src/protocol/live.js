// What is known of a run, and what a reply of /api/live adds to it.

import { extend } from "./points.js"
import { ENDED } from "./states.js"

/** @import { Gone, LiveRun as Told } from "./replies" */
/** @import { LiveRun } from "../types" */

const MOST_ALARMS = 100

/** @returns {LiveRun} a run of which nothing was heard yet */
export function newRun() {
  return { series: new Map(), latest: {}, alarms: [], sample: null, events: "", stuck: false, state: null,
    step: 0, steps: 0, loaded: false, gone: false, settled: "", quiet: 0, heard: performance.now() }
}

/**
 * What a reply says of one run.
 * @param {LiveRun} run
 * @param {Told | Gone} reply
 * @param {string} key what was asked: an ended run that has nothing more to say to it is left alone
 */
export function hear(run, reply, key) {
  run.loaded = true
  if ("gone" in reply) {
    run.gone = true
    return
  }
  const { state, step, steps, loss = null, grad = null, validation = null, rate = null, left = null, place = null, message = null } = reply
  Object.assign(run, { state, step, steps, loss, grad, validation, rate, left, place, message, snapshot: reply.snapshot ?? run.snapshot })
  for (const [metric, points] of Object.entries(reply.m ?? {})) extend(run, metric, points)
  for (const [metric, [at, value]] of Object.entries(reply.latest ?? {})) run.latest[metric] = { step: at, value }
  const { events } = reply
  if (events) {
    run.alarms = [...(events.from ? run.alarms : []), ...(events.alarms ?? [])].slice(-MOST_ALARMS)
    run.sample = events.sample ?? (events.from ? run.sample : null)
    run.stuck = Boolean(events.stuck)
    run.events = events.cursor
  }
  // An ended run is asked once more, for what its last moment wrote, and then left alone.
  run.quiet = ENDED.has(state) && !reply.m && !events ? run.quiet + 1 : 0
  run.settled = run.quiet >= 1 ? key : ""
}
