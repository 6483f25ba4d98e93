// Asking the server.

import { server } from "./server.js"
import { LANGUAGE, t } from "./words.js"

const TIMEOUT = 15000 // ms

/**
 * The text at an address; an error holds the sentence that the server said.
 * @param {string} address
 * @returns {Promise<string>}
 */
export async function fetchText(address) {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), TIMEOUT)
  try {
    return await (await answered(address, { signal: stop.signal })).text()
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The JSON at an address.
 * @param {string} address
 * @returns {Promise<any>} what replies.d.ts says of the route
 */
export const fetchJson = async (address) => JSON.parse(await fetchText(address))

/**
 * An array that a route sends as bytes, with its shape.
 * @template {Uint8Array | Float32Array} T
 * @param {string} address
 * @param {new (bytes: ArrayBuffer) => T} kind
 * @returns {Promise<{ shape: number[], data: T }>}
 */
export async function fetchArray(address, kind) {
  const reply = await answered(address)
  return { shape: headerOf(reply, "X-Shape").split(",").map(Number), data: new kind(await reply.arrayBuffer()) }
}

const ARRAYS = new Map(Object.entries({ i4: Int32Array, f4: Float32Array, f8: Float64Array, i8: BigInt64Array }))

/**
 * The answer to a question: its JSON, and the arrays that belong to it.
 * @param {string} address of the question
 * @param {string[]} names of its arrays
 * @returns {Promise<any>} the result as its analysis describes it, with `arrays` by name
 */
export async function fetchAnswer(address, names = []) {
  const result = fetchJson(address + "/result")
  const arrays = names.map(async (name) => {
    const reply = await answered(`${address}/array/${name}`)
    const type = headerOf(reply, "X-Type")
    const kind = ARRAYS.get(type.slice(1))
    if (!kind) throw new Error(t("{name} comes as {type}, which this page can't read", { name, type }))
    return [name, new kind(await reply.arrayBuffer())]
  })
  return { ...(await result), arrays: Object.fromEntries(await Promise.all(arrays)) }
}

/**
 * @param {string} address
 * @param {RequestInit} [how]
 */
async function answered(address, how) {
  // The page's language, not the browser's: two tabs may speak two of them.
  const reply = await server(address, { ...how, headers: { "Accept-Language": LANGUAGE } })
  if (!reply.ok) throw new Error((await reply.json()).error)
  return reply
}

/**
 * @param {Response} reply
 * @param {string} name
 */
function headerOf(reply, name) {
  const value = reply.headers.get(name)
  if (value === null) throw new Error(t("the answer lacks {name}", { name }))
  return value
}

/**
 * Why something failed, in a sentence.
 * @param {unknown} error
 */
export const sentenceOf = (error) => (error instanceof Error ? error.message : String(error))
