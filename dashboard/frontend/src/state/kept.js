// What the browser keeps of its reader from one visit to the next, in cookies: the server reads them
// when a session begins (dashboard/ui/kept.py).

const YEAR = 365 * 24 * 3600 // s

/**
 * What is kept under a name; empty where nothing is.
 * @param {string} name
 * @param {string} [cookies] as `document.cookie` has them
 */
export function keptOf(name, cookies = document.cookie) {
  const found = cookies.split(/;\s*/).find((one) => one.startsWith(name + "="))
  return found ? found.slice(name.length + 1) : ""
}

/**
 * @param {string} name
 * @param {string} value a word
 */
export function keep(name, value) {
  if (keptOf(name) !== value) document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=strict`
}
