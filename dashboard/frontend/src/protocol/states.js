// What a run's state means, as the one table of words says.

import { LABELS } from "./labels.js"
import { said } from "./words.js"

/** @type {Record<string, string>} */
export const STATES = said(LABELS.states)
/** @type {Set<string | null | undefined>} */
export const ENDED = new Set(LABELS.ended)
/** @type {Set<string | null | undefined>} */
export const LIVE_STATES = new Set(LABELS.live)
/** @type {Set<string | null | undefined>} */
export const BAD = new Set(LABELS.bad_states)
/** @type {Record<string, string>} */
export const SIGNS = LABELS.signs
/** @type {Record<string, { said: string }>} */
export const VERDICTS = said(LABELS.verdicts)
