// Attention patterns as the routes give them: fetched once, kept while there is room.

const PATTERN_BYTES = 96 * 2 ** 20

class PatternCache {
  constructor() {
    this.kept = new Map() // address -> { shape, data }, the least recently used first
    this.coming = new Map()
    this.bytes = 0
  }

  // What is here already, without waiting.
  peek(address) {
    const found = this.kept.get(address)
    if (found) {
      this.kept.delete(address)
      this.kept.set(address, found)
    }
    return found
  }

  get(address, kind) {
    const found = this.peek(address)
    if (found) return Promise.resolve(found)
    if (!this.coming.has(address)) {
      const wanted = this.load(address, kind).finally(() => this.coming.delete(address))
      this.coming.set(address, wanted)
    }
    return this.coming.get(address)
  }

  async load(address, kind) {
    const reply = await fetch(address)
    if (!reply.ok) throw new Error((await reply.json()).error)
    const found = kind === "json"
      ? { data: await reply.json(), bytes: 20000 }
      : { shape: reply.headers.get("X-Shape").split(",").map(Number), data: new kind(await reply.arrayBuffer()) }
    this.kept.set(address, found)
    this.bytes += found.bytes ??= found.data.byteLength
    for (const [old, { bytes }] of this.kept) {
      if (this.bytes <= PATTERN_BYTES) break
      this.kept.delete(old)
      this.bytes -= bytes
    }
    return found
  }
}

export const patterns = new PatternCache()
