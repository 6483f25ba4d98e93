// Attention patterns drawn as pixels, and their numbers as words.

import { colourOf, ramp } from "../../ui/theme.js"

const tables = new Map()

// Colour tables of 256 entries as the canvas stores pixels: one word, red in the lowest byte.
export function pixelTable(theme, signed) {
  const name = signed ? "diverging" : "ramp"
  const key = theme[name].join()
  if (!tables.has(key)) {
    const rgb = signed ? divergingRamp(theme.diverging) : ramp(theme.ramp)
    tables.set(key, Uint32Array.from(rgb, ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r))
  }
  return tables.get(key)
}

// 1 is the lowest, 128 the middle stop, 255 the highest.
function divergingRamp(stops) {
  const rgb = stops.map(colourOf)
  return Array.from({ length: 256 }, (_, i) => {
    const at = Math.max(-1, (i - 128) / 127)
    const end = at < 0 ? rgb[0] : rgb[2]
    return rgb[1].map((c, j) => Math.round(c + (end[j] - c) * Math.abs(at)))
  })
}

// A probability, or a difference of two, as the byte that colours it; the server does the same.
function byteOf(value, signed) {
  if (!(Math.abs(value) > 0)) return signed ? 128 : 0
  const root = Math.sqrt(Math.min(Math.abs(value), 1))
  return Math.floor(signed ? Math.sign(value) * root * 127 + 128.5 : value < 0 ? 0 : root * 255 + 0.5)
}

export function bytesOf(values, signed) {
  const out = new Uint8Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = byteOf(values[i], signed)
  return out
}

// Which of n cells each of `size` pixels shows: one where cells are large, else a range of them.
export function edgesOf(size, n) {
  const [from, to] = [new Int32Array(size), new Int32Array(size)]
  for (let p = 0; p < size; p++) {
    if (size >= n) {
      from[p] = Math.min(Math.floor(((p + 0.5) * n) / size), n - 1)
      to[p] = from[p] + 1
    } else {
      from[p] = Math.floor((p * n) / size)
      to[p] = Math.max(Math.floor(((p + 1) * n) / size), from[p] + 1)
    }
  }
  return { from, to }
}

// Draw n x n bytes as a square of `size` pixels into an image. Where several cells share a pixel
// the strongest is shown, so that a thin diagonal is not lost.
export function stamp(image, x, y, size, bytes, base, n, table, signed, cells = edgesOf(size, n)) {
  const pixels = new Uint32Array(image.data.buffer)
  const { from, to } = cells
  const strength = signed ? (v) => Math.abs(v - 128) : (v) => v
  for (let py = 0; py < size; py++) {
    const start = (y + py) * image.width + x
    if (size >= n) {
      const row = base + from[py] * n
      for (let px = 0; px < size; px++) pixels[start + px] = table[bytes[row + from[px]]]
      continue
    }
    for (let px = 0; px < size; px++) {
      let best = signed ? 128 : 0
      for (let i = from[py]; i < to[py]; i++) {
        for (let j = from[px]; j < to[px]; j++) {
          const v = bytes[base + i * n + j]
          if (strength(v) > strength(best)) best = v
        }
      }
      pixels[start + px] = table[best]
    }
  }
}

// .87, 1, or +.12 of a difference.
export function portion(value, signed = false, digits = digitsOf(value)) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–"
  if (value === 0) return "0"
  const size = Math.abs(value)
  const text = size < 0.0005 ? "<.001" : size.toFixed(digits).replace(/^0(?=\.)/, "")
  return (value < 0 ? "−" : signed && value > 0 ? "+" : "") + text
}

/** @param {number} value */
const digitsOf = (value) => (Math.abs(value) < 0.01 ? 3 : 2)

/**
 * Two portions, and their difference as they are read, so that it adds up.
 * @param {number} a
 * @param {number} b
 */
export function apart(a, b) {
  const [x, y] = [a, b].map((v) => Number(v.toFixed(digitsOf(v))))
  const digits = Math.max(digitsOf(a), digitsOf(b))
  return { a: portion(a), b: portion(b), difference: portion(Number((x - y).toFixed(digits)), true, digits) }
}

export const REST_MS = 250 // what only matters when the reader rests waits so long
