"""What is to be seen where parts are taken out, paths are followed, or the network stops early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.config.units import UNITS, Unit
from core.language import Message, mark
from dashboard.figures.lesions import source_name
from dashboard.notice.notice import Notice, finite, number

CHARACTERS = UNITS["character"]
Curve = tuple[str, Sequence[float | None]]  # a run's name and its losses


def lesion(result: dict[str, Any]) -> Notice:
    """Every part taken out by itself."""
    rows = [r for r in result["rows"] if r["delta"] is not None]
    clear = [r for r in rows if abs(r["delta"]) > 2 * (r["error"] or 0)]
    now: list[str] = []
    if rows:
        most = max(rows, key=lambda row: row["delta"])
        now.append(
            Message("Dearest is {part}: {delta:+.3f} nats.", part=_part(most), delta=most["delta"])
        )
        now.append(
            Message(
                "Of {n} parts {clear} change the loss by more than twice the standard error.",
                n=len(rows),
                clear=len(clear),
            )
        )
        better = [row for row in clear if row["delta"] < 0]
        if better:
            now.append(Message("Without {part} it does better.", part=_part(better[0])))
    lost = len(result["rows"]) - len(rows)
    if lost:
        now.append(Message("{n} loss is not finite.", "{n} losses are not finite.", n=lost))
    if not result["complete"]:
        now.append(Message("The time ran out: some parts have not been tried."))
    return Notice(
        Message(
            "Rows: layers. Columns: the part that is taken out, heads at the right. Number: by how"
            " many nats the loss on held-out text changes; colour by its root."
        ),
        Message(
            "In a residual network single blocks can often be taken out at little cost, because"
            " the others pass the stream on; in a plain one nothing works afterwards."
        ),
        tuple(now),
        ("ablation", "residual", "nats"),
    )


def _part(row: dict[str, Any]) -> str:
    """What was taken out, layers and heads from 1 as people count them."""
    layer = row["layer"] + 1
    if row["group"] == "head":
        return Message("head {head} of layer {layer}", head=(row["head"] or 0) + 1, layer=layer)
    if row["group"] == "swap":
        return Message(
            "layers {layer} and {next} in each other's place", layer=layer, next=layer + 1
        )
    return {
        "block": Message("block {layer}", layer=layer),
        "attention": Message("attention of layer {layer}", layer=layer),
        "feedforward": Message("feed-forward of layer {layer}", layer=layer),
    }[row["group"]]


def gradient_paths(measured: Sequence[tuple[str, int, dict[str, Any]]]) -> Notice:
    """Share of the gradient by the length of its path."""
    now: list[str] = []
    for name, _, result in measured:
        share, most = result["share"], len(result["lengths"]) - 1
        known = [(value, at) for at, value in enumerate(share) if value is not None]
        if known:
            now.append(
                Message(
                    "{name}: on average the gradient passes {mean:.1f} of {most} branches; most of"
                    " it comes by paths of {peak}.",
                    name=name,
                    mean=result["mean_length"] or 0.0,
                    most=most,
                    peak=result["lengths"][max(known)[1]],
                )
            )
    return Notice(
        Message(
            "To the right: branches on a path through the network. Upwards: the share of the"
            " gradient that comes by paths of this length; dotted: how many paths have it."
        ),
        Message(
            "A network with skips is the sum of all its paths. Most paths are half as long as the"
            " network is deep, but the gradient comes by shorter ones."
        ),
        tuple(now),
        ("path length", "gradient", "residual"),
    )


def logit_paths(measured: Sequence[tuple[str, int, dict[str, Any]]]) -> Notice:
    """Who contributes to the right token's logit."""
    now: list[str] = []
    for name, _, result in measured:
        shares = finite(result["logit_share"])
        if len(shares) == len(result["logit_share"]) and len(shares):
            at = int(np.argmax(shares))
            now.append(
                Message(
                    "{name}: most, {share:.0%}, comes from {source}.",
                    name=name,
                    share=float(shares[at]),
                    source=source_name(result["sources"][at]),
                )
            )
    return Notice(
        Message(
            "To the right: branches on the longest path behind a source. Upwards: its share of"
            " what all sources together add to the right token's logit."
        ),
        Message(
            "The stream is a sum, so what each layer wrote into it adds to the logits by itself."
        ),
        tuple(now),
        ("path length", "logits", "residual stream"),
    )


def stopped_early(
    curves: Sequence[Curve], unigram: float | None, unit: Unit = CHARACTERS
) -> Notice:
    """The loss if the network stopped at a layer: the logit lens. `unit`: of what it predicts."""
    now: list[str] = []
    for name, losses in curves:
        known = finite(losses)
        if len(known) < 2 or len(known) < len(losses):
            now.append(Message("{name}: some of it is not finite.", name=name))
            continue
        falls = known[:-1] - known[1:]
        now.append(
            Message(
                "{name}: from {first:.3f} nats at the embedding to {last:.3f} at the end; {n} of"
                " {all} rows lower it.",
                name=name,
                first=float(known[0]),
                last=float(known[-1]),
                n=int((falls > 0).sum()),
                all=len(falls),
            )
        )
        now.append(_beside(float(known[-1]), unigram, unit))
    return Notice(
        Message(
            "To the right: layers. Upwards: the loss in nats on held-out text if the output layer"
            " were put onto the stream there; dashed: {frequencies}.",
            frequencies=unit.frequencies,
        ),
        Message(
            "A living network lowers it layer by layer. A dead one stays near {frequencies},"
            " whatever its depth.",
            frequencies=unit.frequencies,
        ),
        tuple(now),
        ("logit lens", "loss", "nats", "letter frequencies"),
    )


def by_position(curves: Sequence[Curve], unigram: float | None, unit: Unit = CHARACTERS) -> Notice:
    """The loss by how much was seen before. `unit`: of what is predicted."""
    now: list[str] = []
    for name, losses in curves:
        known = finite(losses)
        if len(known) >= 2:
            now.append(
                Message(
                    "{name}: {first:.2f} nats at the first of {n} places, {last:.2f} at the last.",
                    name=name,
                    first=float(known[0]),
                    last=float(known[-1]),
                    n=len(known),
                )
            )
            now.append(_beside(float(known[-1]), unigram, unit))
    return Notice(
        Message(
            "To the right: how many letters of the text were seen before. Upwards: the loss of the"
            " next one in nats; dashed: {frequencies}.",
            frequencies=unit.frequencies,
        )
        if unit.name == "character"
        else Message(
            "To the right: how many tokens of the text were seen before. Upwards: the loss of the"
            " next one in nats; dashed: {frequencies}.",
            frequencies=unit.frequencies,
        ),
        Message(
            "A network that uses what it reads gets better, the more it has seen. One that ignores"
            " its input is as good at the first as at the last."
        ),
        tuple(now),
        ("loss", "nats", "context", "letter frequencies"),
    )


def scored(answers: Sequence[tuple[str, dict[str, Any]]], unit: Unit = CHARACTERS) -> Notice:
    """The measures on held-out text; the name and the result of each run. `unit`: of what they
    predict."""
    letters = unit.name == "character"
    now: list[str] = []
    for name, result in answers:
        if result["nats"] is None:
            now.append(Message("{name}: its loss is not finite.", name=name))
            continue
        now.append(
            Message(
                mark(
                    "{name}: perplexity {perplexity}, it hesitates between about so many letters;"
                    " the likeliest one is right in {share:.0%} of the places."
                )
                if letters
                else mark(
                    "{name}: perplexity {perplexity}, it hesitates between about so many tokens;"
                    " the likeliest one is right in {share:.0%} of the places."
                ),
                name=name,
                perplexity=number(result["perplexity"]),
                share=result["accuracy"],
            )
        )
        now.append(_beside(float(result["nats"]), result["unigram"], unit))
    return Notice(
        Message("A row for each measure, a column for each run, on text that training never saw."),
        Message(
            "Perplexity is e to the loss, bits per character the loss in bits: the three say the"
            " same. Accuracy counts only the likeliest letter."
        )
        if letters
        else Message(
            "Perplexity is e to the loss of a token, bits per character the loss of all tokens for"
            " each character of the text. Accuracy counts only the likeliest token."
        ),
        tuple(now),
        ("perplexity", "nats", "accuracy", "letter frequencies"),
    )


def continued(answers: Sequence[tuple[str, dict[str, Any]]]) -> Notice:
    """BLEU and ROUGE of continuations, beside chance."""
    now: list[str] = []
    for name, result in answers:
        chance = result["chance"]["bleu"]
        values = {"name": name, "bleu": result["bleu"], "chance": chance}
        if result["bleu"] > chance:
            now.append(Message("{name}: BLEU {bleu:.2f}, more than the {chance:.2f} of text that"
                               " fits nothing.", **values))  # fmt: skip
        else:
            now.append(Message("{name}: BLEU {bleu:.2f}, no more than the {chance:.2f} of text that"
                               " fits nothing.", **values))  # fmt: skip
    return Notice(
        Message("How many words and phrases the continuations share with how the text goes on."),
        Message(
            "Many continuations are right, so even a good network shares little with the one that"
            " was written. Beside chance it can be read, alone it can't."
        ),
        tuple(now),
        ("sampling", "perplexity"),
    )


def _beside(loss: float, unigram: float | None, unit: Unit) -> str:
    if unigram is None:
        return ""
    if loss < unigram:
        return Message(
            "That is {gap} nats below {frequencies}.",
            gap=number(unigram - loss, 2), frequencies=unit.frequencies,
        )  # fmt: skip
    return Message(
        "That is {gap} nats above {frequencies}.",
        gap=number(loss - unigram, 2), frequencies=unit.frequencies,
    )  # fmt: skip
