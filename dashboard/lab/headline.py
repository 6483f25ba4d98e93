"""The title of the Lab's loss curves and their dotted line, as far as the shown runs allow."""

from __future__ import annotations

from collections.abc import Sequence

from core.config.alike import are_twins
from core.config.fork_point import begin_together
from core.language import mark, t
from core.runs import Run
from core.verdicts.labels import LIVE
from core.verdicts.verdict import Verdict

# Of one run, of two.
SAID = {
    "learned": (mark("Loss: learns"), mark("Loss: both learn")),
    "plateau": (
        mark("Loss: sits on the unigram plateau"),
        mark("Loss: both sit on the plateau"),
    ),
    "diverged": (mark("Loss: diverged"), mark("Loss: both diverged")),
    "memorised": (mark("Loss: memorises its training data"), mark("Loss: both memorise")),
}
LEFT_OUT = mark("dotted line left out: the runs learn from different data")
OTHERS = mark("dashed line left out: the runs have different optimal losses")


def twins(shown: Sequence[Run]) -> bool:
    """Whether one of two runs was trained as the other's twin, or they differ in one setting."""
    if len(shown) != 2:
        return False
    first, second = shown
    if first.origin or second.origin:
        return False
    if not begin_together(first.fork, second.fork):
        return False
    if first.meta["twin_of"] == second.id or second.meta["twin_of"] == first.id:
        return True
    return are_twins(first.config.flat(), second.config.flat())


def loss_title(shown: Sequence[Run], verdicts: Sequence[Verdict]) -> str:
    """The title of the loss chart: what its curves have shown so far."""
    kinds = [one.kind for one in verdicts]
    if sorted(kinds) == ["learned", "plateau"]:
        said = t("Loss: one learns, the other sits on the unigram plateau")
        if twins(shown):
            said = t("Loss: one learns, its twin sits on the unigram plateau")
    elif len(set(kinds)) == 1 and kinds[0] in SAID:
        said = t(SAID[kinds[0]][len(kinds) > 1])
    else:
        return t("Training loss")
    live = any(run.status in LIVE for run in shown)
    return t("{said} so far", said=said) if live else said


def baseline(verdicts: Sequence[Verdict], shown: Sequence[Run] = ()) -> tuple[float | None, str]:
    """The entropy that all runs share, else None and why no line is drawn.

    That of a run from elsewhere, of `shown`, is not known.
    """
    known = {round(one.entropy, 3): one.entropy for one in verdicts if one.entropy}
    if len(known) > 1 or (known and any(run.origin for run in shown)):
        return None, LEFT_OUT
    return (known.popitem()[1] if known else None), ""


def optimal(verdicts: Sequence[Verdict]) -> tuple[float | None, str]:
    """The optimal loss that all runs share, else None and why no line is drawn, if one has any."""
    known = {round(one.optimal, 3): one.optimal for one in verdicts if one.optimal is not None}
    if not known or any(one.optimal is None for one in verdicts):
        return None, ""
    return (known.popitem()[1], "") if len(known) == 1 else (None, OTHERS)
