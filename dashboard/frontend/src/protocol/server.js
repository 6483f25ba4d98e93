// Who answers what the page asks: the dashboard, or in a published page the files beside it.

/**
 * @param {string} address
 * @param {RequestInit} [how]
 * @returns {Promise<Response>}
 */
export const server = (address, how) => globalThis.addnormServer?.(address) ?? fetch(address, how)

/** Whether the page has no dashboard behind it: nothing of it can be changed, and no other page be opened. */
export const isPublished = () => Boolean(globalThis.addnormServer)
