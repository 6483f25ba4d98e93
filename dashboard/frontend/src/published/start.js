// The first of a published page's modules: from here on its files answer in place of a dashboard.

import { Server } from "./server.js"

/** @type {{ files: Record<string, string>, palette: any, plotly: string, missing: string }} what stands in the page itself */
export const PAGE = JSON.parse(document.getElementById("published")?.textContent ?? "{}")

const answers = new Server(PAGE.files, PAGE.missing)
globalThis.addnormServer = answers.fetch

/**
 * @param {string} file
 * @param {string} name
 */
export const read = (file, name) => answers.json(file, name)
