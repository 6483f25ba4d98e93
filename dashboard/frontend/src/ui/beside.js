// Where something stands beside what it speaks of, without covering it. Pure.

/** @typedef {{ left: number, top: number, width: number, height: number }} Box */
/** @typedef {{ width: number, height: number }} Size */

export const GAP = 12 // px from what it speaks of, and from the window's edges

/**
 * The box around all of some boxes; null around none.
 * @param {Box[]} boxes
 * @returns {Box | null}
 */
export function around(boxes) {
  if (!boxes.length) return null
  const left = Math.min(...boxes.map((b) => b.left))
  const top = Math.min(...boxes.map((b) => b.top))
  const right = Math.max(...boxes.map((b) => b.left + b.width))
  const bottom = Math.max(...boxes.map((b) => b.top + b.height))
  return { left, top, width: right - left, height: bottom - top }
}

/**
 * The upper left corner of a card: at the right of a target, else at its left, below or above it. Where
 * no side has room, at that end of the window where it covers less of the target.
 * @param {Box | null} target without one in the window's lower right corner
 * @param {Size} card
 * @param {Size} room the window
 * @returns {{ left: number, top: number }}
 */
export function placeBeside(target, card, room) {
  const last = { left: Math.max(room.width - card.width - GAP, GAP), top: Math.max(room.height - card.height - GAP, GAP) }
  if (!target) return last
  const along = (/** @type {number} */ wish, /** @type {number} */ most) => Math.min(Math.max(wish, GAP), most)
  const right = target.left + target.width + GAP
  const bottom = target.top + target.height + GAP
  const beside = along(target.top, last.top)
  const level = along(target.left, last.left)
  const sides = [
    { left: right, top: beside },
    { left: target.left - card.width - GAP, top: beside },
    { left: level, top: bottom },
    { left: level, top: target.top - card.height - GAP },
  ]
  const fits = sides.find(({ left, top }) => left >= GAP && top >= GAP && left <= last.left && top <= last.top)
  if (fits) return fits
  const over = (/** @type {number} */ top) => Math.min(top + card.height, bottom) - Math.max(top, target.top)
  return { left: level, top: over(GAP) < over(last.top) ? GAP : last.top }
}
