// What the tour of the Lab says, stop by stop, and of what: the first of `at` that is on the page.

import { t } from "../../protocol/words.js"
import { linkTo, PAGE_LINKS } from "../../ui/streamlit.js"

/** @typedef {{ title: string, text: string, at: string[][], drawer?: boolean }} Stop */

/** @returns {Stop[]} `at`: selectors of what belongs together; `drawer`: it stands in the sidebar */
export const tourStops = () => [
  {
    title: t("The switches"),
    text: t("Take Add away, move the norm, stack more layers. Below each switch stands what it does to the equation, and what to expect."),
    at: [[".st-key-switch_model_residual", ".st-key-switch_model_placement"], [".st-key-switch_model_residual"]],
    drawer: true,
  },
  {
    title: t("Train"),
    text: t("Starts a run with these settings, which goes on when you close the page. Train twin starts the same network one switch apart, on the same batches."),
    at: [[".st-key-start"]],
    drawer: true,
  },
  {
    title: t("The loss"),
    text: t("Drawn here while runs train. The dotted line is the loss of a network that ignores its input: whoever stays there has learned nothing."),
    at: [[".st-key-loss"], [".st-key-card_first"]],
  },
  {
    title: t("Gradient norms"),
    text: t("Every layer at every step, as a colour: whether the gradient still reaches the first layers. Beside it, how x grows from layer to layer."),
    at: [[".st-key-gradients"], [".waiting"]],
  },
  {
    title: t("Attention"),
    text: t("What each head looks at in a text that stays the same, while the network learns. The page Attention shows every head at any step."),
    at: [[".st-key-attention"], [".stColumn:last-child > * .waiting"], [".waiting"]],
  },
  {
    title: t("Compare and learn"),
    text: linkTo("/learn")
      ? t("Compare lays runs over each other and says what became of them. Learn asks what you expect, trains it and explains. Every word stands in the Glossary.")
      : t("Compare lays runs over each other and says what became of them. Every word stands in the Glossary."),
    at: [[PAGE_LINKS]],
    drawer: innerWidth <= 768,
  },
]
