// Attention as it lies on the disk, and what the routes of dashboard/api/attention_bytes.py make of
// it: whole heads, small pictures of all of them, and differences, to the last bit.

const THUMBNAILS = [128, 64, 32]
const MOST_BYTES = 2 ** 20 // of a grid whose thumbnails are larger than the smallest

/** @type {Float32Array | null} each number of two bytes by its bits */
let table = null

function halves() {
  if (table) return table
  table = Float32Array.from({ length: 65536 }, (_, bits) => {
    const [sign, power, rest] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
    if (power === 31) return rest ? NaN : sign * Infinity
    return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024))
  })
  return table
}

/**
 * Numbers from their bytes: all upper ones, then the lower.
 * @param {Uint8Array} bytes
 */
export function numbersOf(bytes) {
  const known = halves()
  const n = bytes.length / 2
  return Float32Array.from({ length: n }, (_, i) => known[bytes[i] * 256 + bytes[n + i]])
}

/** Patterns of L layers of H heads over T tokens; `packed` are lower triangles, row by row. */
export class Patterns {
  /**
   * @param {Float32Array} values
   * @param {number[]} shape
   * @param {boolean} packed
   */
  constructor(values, [layers, heads, tokens], packed) {
    this.values = values
    this.layers = layers
    this.heads = heads
    this.tokens = tokens
    this.packed = packed
    this.each = packed ? (tokens * (tokens + 1)) / 2 : tokens * tokens
  }

  // Where a row of a head begins, and how long it is.
  row(head, row) {
    return this.packed ? [head * this.each + (row * (row + 1)) / 2, row + 1] : [head * this.each + row * this.tokens, this.tokens]
  }

  /** @param {number} layer @param {number} head */
  head(layer, head) {
    const whole = new Float32Array(this.tokens ** 2)
    for (let row = 0; row < this.tokens; row += 1) {
      const [from, length] = this.row(layer * this.heads + head, row)
      whole.set(this.values.subarray(from, from + length), row * this.tokens)
    }
    return whole
  }

  // The largest thumbnail that is not larger than wished and keeps the reply small.
  side(wished) {
    return THUMBNAILS.find((n) => n <= wished && this.layers * this.heads * n * n <= MOST_BYTES) ?? 32
  }

  /**
   * Of each square patch of each head one number, as `told` makes a byte of it.
   * @param {number} wished how many patches on a side
   * @param {(head: number, row: number, column: number) => number} of a value of the head
   * @param {(high: number, low: number) => number} told from the largest and the least of a patch
   */
  patches(wished, of, told) {
    const { layers, heads, tokens } = this
    const patch = Math.ceil(tokens / this.side(wished))
    const n = Math.ceil(tokens / patch)
    const data = new Uint8Array(layers * heads * n * n)
    for (let head = 0; head < layers * heads; head += 1) {
      for (let y = 0; y < n; y += 1) {
        for (let x = 0; x < n; x += 1) {
          let [high, low] = [0, 0] // a patch that is not full, or masked, holds zeros
          for (let row = y * patch; row < Math.min((y + 1) * patch, tokens); row += 1) {
            for (let column = x * patch; column < Math.min((x + 1) * patch, tokens); column += 1) {
              const value = of(head, row, column)
              if (value > high || value !== value) high = value // not a number stays: nothing is larger
              if (value < low || value !== value) low = value
            }
          }
          data[(head * n + y) * n + x] = told(high, low)
        }
      }
    }
    return { shape: [layers, heads, n, n], data }
  }

  value(head, row, column) {
    if (this.packed && column > row) return 0
    return this.values[this.row(head, row)[0] + column]
  }

  /** @param {number} wished */
  grid(wished) {
    const f = Math.fround
    return this.patches(wished, (h, r, c) => this.value(h, r, c),
      (high) => Math.trunc(f(f(f(Math.sqrt(Math.min(Number.isNaN(high) ? 0 : high, 1))) * 255) + 0.5)))
  }

  /**
   * @param {Patterns} other of the same shape
   * @param {number} wished
   */
  minus(other, wished) {
    const f = Math.fround
    return this.patches(wished, (h, r, c) => f(this.value(h, r, c) - other.value(h, r, c)), (high, low) => {
      const apart = high >= -low ? high : low
      const known = Number.isNaN(apart) ? 0 : apart
      return Math.trunc(f(f(f(Math.sign(known) * f(Math.sqrt(Math.abs(known)))) * 127) + 128.5))
    })
  }
}
