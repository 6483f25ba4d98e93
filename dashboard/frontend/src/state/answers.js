// The answer to a question: its JSON, and the arrays that belong to it.

import { fetchText } from "../protocol/fetch.js"

const ARRAYS = { i4: Int32Array, f4: Float32Array, f8: Float64Array, i8: BigInt64Array }

export async function fetchAnswer(one, names = []) {
  const result = fetchText(one.address + "/result").then(JSON.parse)
  const arrays = names.map(async (name) => {
    const reply = await fetch(`${one.address}/array/${name}`)
    if (!reply.ok) throw new Error((await reply.json()).error)
    return [name, new ARRAYS[reply.headers.get("X-Type").slice(1)](await reply.arrayBuffer())]
  })
  return { ...(await result), arrays: Object.fromEntries(await Promise.all(arrays)) }
}
