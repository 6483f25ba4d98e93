// Attention patterns as the routes give them: fetched once, kept while there is room.

import { fetchArray, fetchJson } from "../protocol/fetch.js"

/**
 * @typedef {Uint8ArrayConstructor | Float32ArrayConstructor | "json"} Kind
 * @typedef {{ shape: number[], data: any, bytes: number }} Pattern
 */

const PATTERN_BYTES = 96 * 2 ** 20
const JSON_BYTES = 20000 // as good as

class PatternCache {
  constructor() {
    /** @type {Map<string, Pattern>} by address, the least recently used first */
    this.kept = new Map()
    /** @type {Map<string, Promise<Pattern>>} */
    this.coming = new Map()
    this.bytes = 0
  }

  /**
   * What is here already, without waiting.
   * @param {string} address
   */
  peek(address) {
    const found = this.kept.get(address)
    if (found) {
      this.kept.delete(address)
      this.kept.set(address, found)
    }
    return found
  }

  /**
   * @param {string} address
   * @param {Kind} kind
   * @returns {Promise<Pattern>}
   */
  async get(address, kind) {
    const found = this.peek(address) ?? this.coming.get(address)
    if (found) return found
    const wanted = this.load(address, kind).finally(() => this.coming.delete(address))
    this.coming.set(address, wanted)
    return wanted
  }

  /**
   * @param {string} address
   * @param {Kind} kind
   * @returns {Promise<Pattern>}
   */
  async load(address, kind) {
    const found = await fetched(address, kind)
    this.kept.set(address, found)
    this.bytes += found.bytes
    for (const [old, { bytes }] of this.kept) {
      if (this.bytes <= PATTERN_BYTES) break
      this.kept.delete(old)
      this.bytes -= bytes
    }
    return found
  }
}

/**
 * @param {string} address
 * @param {Kind} kind
 * @returns {Promise<Pattern>}
 */
async function fetched(address, kind) {
  if (kind === "json") return { shape: [], data: await fetchJson(address), bytes: JSON_BYTES }
  const found = kind === Uint8Array ? await fetchArray(address, Uint8Array) : await fetchArray(address, Float32Array)
  return { ...found, bytes: found.data.byteLength }
}

export const patterns = new PatternCache()
