// Asking the server.

const TIMEOUT = 15000

/**
 * The text at an address; an error holds the sentence that the server said.
 * @param {string} address
 * @returns {Promise<string>}
 */
export async function fetchText(address) {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), TIMEOUT)
  try {
    const reply = await fetch(address, { signal: stop.signal })
    if (!reply.ok) throw new Error((await reply.json()).error)
    return await reply.text()
  } finally {
    clearTimeout(timer)
  }
}
