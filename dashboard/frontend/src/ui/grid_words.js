// How far a grid of runs is, in words.

import { clock } from "./format.js"

// Runs of a grid that came to an end, however.
export const endedOf = (grid) => grid.done + grid.failed + grid.stopped

// How far a grid is: `grid of 24 · 19 done · 2 training · 0:48 left`.
export function gridWords(grid) {
  const parts = [["done", "done"], ["training", "training"], ["paused", "paused"], ["diverged", "diverged"],
    ["failed", "failed"], ["stopped", "stopped"]].filter(([n]) => grid[n] || n === "done").map(([n, word]) => `${grid[n]} ${word}`)
  const left = grid.seconds_left === null ? [] : [`${clock(grid.seconds_left)} left`]
  return [`grid of ${grid.total}`, ...parts, ...left].join(" · ")
}
