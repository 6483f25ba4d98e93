"""Attention: what every head of a run looks at, through training, and against another run."""

from core.language import t
from dashboard.address import page
from dashboard.attention import controls, model
from dashboard.components.attention_page import attention_page, chosen_checkpoint
from dashboard.live.feed import store
from dashboard.ui.cards import first_run

attention = model.load(page.query(), store())
if not attention.runs:
    first_run(
        t("No run with attention yet") if attention.others else t("No runs yet"),
        t(
            "Train a Transformer: what each of its heads looks at stands here, from the first step"
            " of training to the last."
        ),
    )
else:
    looked = controls.top_line(attention)
    asked = model.ask(store(), looked, page.query(), chosen_checkpoint())
    page.show({**attention.problems, **asked.problems}, asked.wrong)
    attention_page(
        [run for run in (looked.a, looked.b) if run],
        side=looked.side,
        sort=looked.sort,
        opened=asked.opened,
        text=looked.text,
        asked=asked.text.found if asked.text else None,
        induction=asked.induction.found,
        checkpoint=asked.checkpoint,
    )
