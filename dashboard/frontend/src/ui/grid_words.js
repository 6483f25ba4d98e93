// How far a grid of runs is, in words.

import { clock } from "./format.js"

/** @import { GridCounts } from "../protocol/replies" */

const WORDS = /** @type {const} */ (["done", "training", "paused", "diverged", "failed", "stopped"])

/**
 * Runs of a grid that came to an end, however.
 * @param {GridCounts} grid
 */
export const endedOf = (grid) => grid.done + grid.failed + grid.stopped

/**
 * How far a grid is: `grid of 24 · 19 done · 2 training · 0:48 left`.
 * @param {GridCounts} grid
 */
export function gridWords(grid) {
  const parts = WORDS.filter((word) => grid[word] || word === "done").map((word) => `${grid[word]} ${word}`)
  const left = grid.seconds_left === null ? [] : [`${clock(grid.seconds_left)} left`]
  return [`grid of ${grid.total}`, ...parts, ...left].join(" · ")
}
