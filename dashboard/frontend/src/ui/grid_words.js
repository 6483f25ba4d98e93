// How far a grid of runs is, in words.

import { t } from "../protocol/words.js"
import { clock } from "./format.js"

/** @import { GridCounts } from "../protocol/replies" */

const WORDS = /** @type {const} */ (["done", "training", "paused", "diverged", "failed", "stopped"])
/** @type {Record<typeof WORDS[number], (n: number) => string>} */
const SAID = {
  done: (n) => t("{n:,} done", { n }),
  training: (n) => t("{n:,} training", { n }),
  paused: (n) => t("{n:,} paused", { n }),
  diverged: (n) => t("{n:,} diverged", { n }),
  failed: (n) => t("{n:,} failed", { n }),
  stopped: (n) => t("{n:,} stopped", { n }),
}

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
  const parts = WORDS.filter((word) => grid[word] || word === "done").map((word) => SAID[word](grid[word]))
  const left = grid.seconds_left === null ? [] : [t("{time} left", { time: clock(grid.seconds_left) })]
  return [t("grid of {n:,}", { n: grid.total }), ...parts, ...left].join(" · ")
}
