"""What is to be seen in a claim's picture, in the drawing of a block, in the verdicts on runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.config import ModelConfig
from core.evidence import Claim, Record
from core.language import Message
from core.verdicts.judgement import WINDOW
from core.verdicts.labels import VERDICT_LABELS, VerdictKind
from dashboard.figures.block import published
from dashboard.notice.notice import Notice

MOST = 3  # quantities of a claim
SUBJECTS = {  # the term that a group of claims is about
    "gradients": "gradient",
    "collapse": "rank collapse",
    "attention": "attention",
    "norms": "norm",
    "sizes": "residual stream",
    "training": "unigram plateau",
}


def claim(asked: Claim, record: Record) -> Notice:
    """The picture of a check."""
    logs = [name for name, on in (("x", asked.axes.log_x), ("y", asked.axes.log_y)) if on]
    theory = any(line.kind == "theory" for line in record.series)
    axes = Message(
        "To the right: {x}. Upwards: {y}. {points}",
        x=Message(asked.axes.x),
        y=Message(asked.axes.y),
        points=Message("Points were measured, the dashed line is theory.")
        if theory
        else Message("Points were measured."),
    )
    now: list[str] = []
    for quantity in asked.quantities[:MOST]:
        value = record.value(quantity.name)
        if value is None:
            continue
        lies = Message("inside the band") if value.inside else Message("outside of it")
        now.append(
            Message(
                "{what}: {value}, expected {expected}; that is {lies}.",
                what=Message(quantity.words),
                value=value.words,
                expected=quantity.expected,
                lies=lies,
            )
        )
    left = len(asked.quantities) - MOST
    if left > 0:
        now.append(
            Message(
                "{n} more quantity stands in the table above.",
                "{n} more quantities stand in the table above.",
                n=left,
            )
        )
    if len(record.seeds) > 1:
        now.append(Message("Bars are the spread over {n} seeds.", n=len(record.seeds)))
    if len(logs) == 2:
        now.append(Message("On two logarithmic axes a straight line is a power."))
    elif logs:
        now.append(Message("One axis is logarithmic: equal factors are equally far apart."))
    return Notice(axes, Message(asked.sentence), tuple(now), ("seed", *_subjects(asked)))


def _subjects(asked: Claim) -> tuple[str, ...]:
    """The term that a claim's group is about."""
    return (SUBJECTS[asked.group],) if asked.group in SUBJECTS else ()


def block(model: ModelConfig) -> Notice:
    """The drawing of a block with its equation."""
    now: list[str] = [
        Message("It is called {name}.", name=published(model)),
        Message(
            "There is {n} of it.",
            "It is drawn once and stands there {n} times, each with weights of its own: that is"
            " what × {n} says.",
            n=model.blocks,
        ),
    ]
    if model.family != "resnet" and model.residual == "off":
        now.append(Message("No way leads past a sublayer: what it does not pass on is lost."))
    elif model.family != "resnet" and model.residual != "on":
        now.append(Message("Only one of the two sublayers has a way past it."))
    if model.overrides:
        now.append(Message("Some layers differ from it, as the overrides say."))
    return Notice(
        Message(
            "x comes in at the left and goes along the arrows. Orange is Add, the sum with what"
            " passed by; green is Norm; blue attention; violet the feed-forward network."
        ),
        Message(
            "The gradient goes the same ways back: through every sum undivided, through every norm"
            " and branch changed. A way without norms and branches reaches the first layer as it"
            " is."
        ),
        tuple(now),
        ("residual", "norm placement", "block", "branch"),
    )


def outcomes(kinds: Sequence[VerdictKind]) -> Notice:
    """The sentences on what became of the runs that are drawn."""
    counted = Counter(kinds).most_common()
    now = [
        Message(
            "{n} of {all}: {verdict}.",
            n=n,
            all=len(kinds),
            verdict=Message(VERDICT_LABELS[kind].said),
        )
        for kind, n in counted
    ] or [Message("No run is drawn: tick some in the table.")]
    return Notice(
        Message("A sentence for each run that is drawn, or for each group, in its colour."),
        Message(
            "One rule for all pages: the last {window} training losses are compared with what"
            " frequencies alone reach on the same batches. Below them the input is used; at them a"
            " network sits on the plateau.",
            window=WINDOW,
        ),
        tuple(now),
        ("verdict", "unigram plateau", "divergence", "seed"),
    )
