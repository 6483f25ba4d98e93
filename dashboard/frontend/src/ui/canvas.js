// Canvases: their size in the page's and in the screen's pixels, and how wide a text is.

import { t } from "../protocol/words.js"
import { el } from "./dom.js"

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas, settings) {
  const context = canvas.getContext("2d", settings)
  if (!context) throw new Error(t("This browser gives no canvas to draw on."))
  return context
}

/**
 * Give a canvas a size in the page's pixels; its context counts in the screen's, `scale` for each.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function sized(canvas, width, height) {
  const scale = window.devicePixelRatio || 1
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
  if (canvas.width !== w) canvas.width = w
  if (canvas.height !== h) canvas.height = h
  Object.assign(canvas.style, { width: w / scale + "px", height: h / scale + "px" })
  return { context: contextOf(canvas, { willReadFrequently: true }), scale, w, h }
}

/** @type {CanvasRenderingContext2D | undefined} */
let measuring

/**
 * Pixels that a line of text takes.
 * @param {string} text
 * @param {string} font
 */
export function textWidth(text, font) {
  measuring ??= contextOf(el("canvas"))
  measuring.font = font
  return measuring.measureText(text).width
}
