// What a run's state means, as the one table of words says.

import { LABELS } from "./labels.js"

export const STATES = LABELS.states
export const ENDED = new Set(LABELS.ended)
export const LIVE_STATES = new Set(LABELS.live)
export const BAD = new Set(LABELS.bad_states)
export const SIGNS = LABELS.signs
export const VERDICTS = LABELS.verdicts
