// The data of a page that has no server: scripts beside it, loaded when they are first asked for.

/** @type {Map<string, Promise<any>>} by the name that the page's table of files has */
const coming = new Map()
/** @type {Map<string, (content: any) => void>} */
const waiting = new Map()

// What every such script calls.
globalThis.addnormFile = (name, content) => waiting.get(name)?.(content)

/**
 * The packed parts of a file, by name.
 * @param {string} name
 * @param {string} address
 * @returns {Promise<Record<string, string>>}
 */
export function loaded(name, address) {
  const known = coming.get(name)
  if (known) return known
  const found = new Promise((resolve, reject) => {
    waiting.set(name, resolve)
    const script = document.createElement("script")
    script.src = address
    script.onerror = () => {
      coming.delete(name) // asked for again when somebody wants it again
      reject(new TypeError(address + " did not load"))
    }
    document.head.append(script)
  })
  coming.set(name, found)
  return found
}

/**
 * @param {string} text gzip in base64
 * @returns {Promise<Uint8Array>}
 */
export async function unpackedBytes(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** @param {string} text packed JSON */
export const jsonOf = async (text) => JSON.parse(new TextDecoder().decode(await unpackedBytes(text)))
