// Which runs are ticked: all that are listed, all but some, or only some. What is said in few ids
// stays short in the address, and runs that begin later join in.

import { MOST_RUNS } from "../protocol/points.js"

export class Ticks {
  constructor(kind = "all", ids = []) {
    this.kind = kind
    this.ids = new Set(ids)
  }

  /**
   * The ticked ones of these rows, newest first, no more than can be drawn.
   * @param {{ id: string }[]} rows
   * @returns {string[]}
   */
  of(rows, most = MOST_RUNS) {
    const { kind, ids } = this
    const kept = rows.filter((r) => kind === "all" || ids.has(r.id) === (kind === "only"))
    return kept.slice(0, most).map((r) => r.id)
  }

  /**
   * Ticks such that exactly these of the rows are drawn; what is not listed now keeps its tick.
   * @param {Set<string>} ticked
   * @param {{ id: string }[]} rows
   * @returns {Ticks}
   */
  to(ticked, rows, most = MOST_RUNS) {
    const listed = new Set(rows.map((r) => r.id))
    const elsewhere = [...this.ids].filter((id) => !listed.has(id))
    const off = [...listed].filter((id) => !ticked.has(id))
    const few = rows.length <= most // else the oldest have no tick without being told so
    if (!off.length && !(this.kind === "but" && elsewhere.length)) return new Ticks()
    if (few && (this.kind === "but" || (this.kind === "all" && off.length < rows.length / 2))) {
      return new Ticks("but", [...elsewhere, ...off])
    }
    return new Ticks("only", [...(this.kind === "only" ? elsewhere : []), ...ticked])
  }
}
