// Which room may import which: those that stand before it, so that none needs to know its readers.

import assert from "node:assert/strict"
import { readFileSync, readdirSync } from "node:fs"
import { dirname, relative, resolve, sep } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

const SRC = fileURLToPath(new URL("../src", import.meta.url))
const ROOMS = ["protocol", "state", "ui", "notice", "charts", "views", "published"]
const files = readdirSync(SRC, { recursive: true }).map(String).filter((name) => name.endsWith(".js"))
const roomOf = (name) => name.split(sep)[0]

const imports = files.flatMap((name) => {
  const text = readFileSync(resolve(SRC, name), "utf8")
  return [...text.matchAll(/^(?:import|export) .*? from "(\.[^"]+)"/gms)]
    .map(([, path]) => [name, relative(SRC, resolve(SRC, dirname(name), path))])
})

test("a room imports only itself and those that stand before it", () => {
  assert.ok(imports.length > 100)
  const wrong = imports.filter(([from, to]) => from !== "mount.js" && ROOMS.indexOf(roomOf(from)) < ROOMS.indexOf(roomOf(to)))
  assert.deepEqual(wrong, [])
  assert.deepEqual([...new Set(files.map(roomOf))].sort(), [...ROOMS, "mount.js"].sort())
})

test("the parts of one page import none of another's", () => {
  const page = (name) => name.split(sep)[1]
  const wrong = imports.filter(([from, to]) => roomOf(from) === "views" && roomOf(to) === "views" && page(from) !== page(to))
  assert.deepEqual(wrong, [])
})
