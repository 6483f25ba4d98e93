"""What is to be seen in the pictures of the residual stream by depth, of one run or of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.language import Message, mark
from core.verdicts.rules import growth
from dashboard.figures.streams import Measured, numbers, place_words
from dashboard.notice.notice import Notice, finite, number

GROWTH = {
    "keeps": mark(
        "{name}: the stream keeps its size, {first} at the embedding and {last} at the end."
    ),
    "grows": mark("{name}: the stream grows {times} times, from {first} to {last}."),
    "shrinks": mark("{name}: the stream shrinks from {first} to {last}."),
}


def rms(measured: Sequence[Measured]) -> Notice:
    """The stream's size by depth."""
    return Notice(
        Message(
            "To the right: layers, 0 is the embedding. Upwards: RMS of the residual stream; a ring"
            " is what the final norm makes of it."
        ),
        Message(
            "Each pre-LN layer adds to the stream, so it grows; a post-LN layer ends with a norm,"
            " so it keeps its size."
        ),
        _each(measured, _growth),
        ("residual stream", "RMS", "pre-LN", "post-LN", "final norm"),
    )


def _growth(name: str, result: dict[str, Any]) -> str:
    inside = _inside(result, "rms")
    if len(inside) < 2 or not np.isfinite(inside[[0, -1]]).all():
        return Message("{name}: some of it is not finite.", name=name)
    first, last = float(inside[0]), float(inside[-1])
    words = GROWTH[growth(first, last)]
    times = number(last / first, 2) if first else "∞"
    return Message(words, name=name, first=number(first), last=number(last), times=times)


def branch(measured: Sequence[Measured]) -> Notice:
    """Skip and branch at each Add."""

    def of(name: str, result: dict[str, Any]) -> str:
        skip, branch_ = numbers(result["skip_rms"]), numbers(result["branch_rms"])
        if not len(skip):
            return Message("{name} has no Add: nothing passes a sublayer by.", name=name)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = branch_ / skip
        if not np.isfinite(ratio[[0, -1]]).all():
            return Message("{name}: some of it is not finite.", name=name)
        return Message(
            "{name}: the branch is {first} times the skip at the first Add and {last} times at the"
            " last.",
            name=name,
            first=number(float(ratio[0]), 2),
            last=number(float(ratio[-1]), 2),
        )

    return Notice(
        Message(
            "To the right: layers. Upwards, in powers of ten: RMS of the two things that every Add"
            " sums, the skip solid, the branch dotted."
        ),
        Message(
            "In pre-LN the skip grows and the branches do not, so late layers change the stream"
            " less and less. In post-LN both stay of a like size."
        ),
        _each(measured, of),
        ("branch", "residual", "RMS"),
    )


def angle(measured: Sequence[Measured]) -> Notice:
    """How far each block turns the stream."""

    def of(name: str, result: dict[str, Any]) -> str:
        angles = numbers(result["angle"])
        if not np.isfinite(angles).any():
            return ""
        most, least = int(np.nanargmax(angles)), int(np.nanargmin(angles))
        return Message(
            "{name}: block {most} turns it most ({high}), block {least} least ({low}).",
            name=name,
            most=most + 1,
            least=least + 1,
            high=number(angles[most], 2),
            low=number(angles[least], 2),
        )

    return Notice(
        Message(
            "To the right: layers. Upwards: the angle between a block's input and its output, as a"
            " share of 180°."
        ),
        Message(
            "0 leaves the direction alone, 0.5 is a right angle. A block that hardly turns the"
            " stream can often be taken out at little cost."
        ),
        _each(measured, of),
        ("angle", "block", "ablation"),
    )


def similarity(measured: Sequence[Measured]) -> Notice:
    """How alike tokens are."""
    return Notice(
        Message(
            "To the right: layers, 0 is the embedding. Upwards: mean cosine between two tokens of"
            " a window, 1 where all point the same way."
        ),
        Message(
            "Attention averages, so without skips all tokens become alike (rank collapse). A token"
            " that is like all others says nothing."
        ),
        _from_to(measured, "similarity"),
        ("rank collapse", "token similarity", "residual"),
    )


def rank(measured: Sequence[Measured], most: int) -> Notice:
    """Effective rank."""
    return Notice(
        Message(
            "To the right: layers, 0 is the embedding. Upwards: effective rank of the tokens'"
            " vectors, at most {most}.",
            most=most,
        ),
        Message(
            "How many directions the tokens use: 1 when all are multiples of one vector. It falls"
            " with depth where tokens collapse."
        ),
        _from_to(measured, "effective_rank"),
        ("effective rank", "rank collapse"),
    )


def largest(measured: Sequence[Measured]) -> Notice:
    """The largest activation by depth."""

    def of(name: str, result: dict[str, Any]) -> str:
        found = result["massive"]["found"]
        inside = _inside(result, "largest")
        if not np.isfinite(inside).any():
            return Message("{name}: none of it is finite.", name=name)
        if found:
            first = found[0]
            return Message(
                "{name}: {value} in dimension {feature} of token {token}, {place}: {times} times"
                " the median.",
                name=name,
                value=f"{first['value']:,.0f}",
                feature=first["feature"],
                token=first["token"],
                place=place_words(first["place"]),
                times="∞" if first["times_median"] is None else f"{first['times_median']:,.0f}",
            )
        places = [place for place in result["places"] if place != "final_norm.out"]
        at = int(np.nanargmax(inside))
        return Message(
            "{name}: at most {value}, {place}. None of it is massive.",
            name=name,
            value=number(float(inside[at])),
            place=place_words(places[at]),
        )

    return Notice(
        Message(
            "To the right: layers, 0 is the embedding. Upwards, in powers of ten: the largest"
            " absolute activation of the residual stream, and dotted the median."
        ),
        Message(
            "In large models a single dimension of the first token is thousands of times the median"
            " from an early layer on and falls in the last: heads use that token as a sink."
        ),
        _each(measured, of),
        ("attention sink", "residual stream", "kurtosis"),
    )


def outliers(measured: Sequence[Measured]) -> Notice:
    """Massive activations and sinks."""

    def of(name: str, result: dict[str, Any]) -> str:
        massive = bool(result["massive"]["seen"]) if "massive" in result else False
        sinks = bool(result["sinks"]["seen"]) if "sinks" in result else False
        if massive and sinks:
            return Message("{name}: both are seen.", name=name)
        if massive or sinks:
            what = Message("massive activations") if massive else Message("attention sinks")
            return Message("{name}: {what} are seen, the other is not.", name=name, what=what)
        return Message("{name}: neither is seen here.", name=name)

    return Notice(
        Message("The largest activation of each run, and whether any head sinks."),
        Message(
            "In large trained models a few enormous numbers stand in the first token's stream, and"
            " heads with nothing to look for look there. In networks as small as those that the lab"
            " trains they are not expected; that says nothing against either."
        ),
        _each(measured, of),
        ("attention sink", "kurtosis"),
    )


def cka(result: dict[str, Any], between: bool) -> Notice:
    """Layers against layers."""
    matrix = numbers(result["matrix"])
    axes = (
        Message("Rows: places in run A. Columns: places in run B. Colour: how alike they are, CKA.")
        if between
        else Message("Rows and columns: places of one run. Colour: how alike they are, CKA.")
    )
    theory = Message(
        "1 means that the same tokens are near each other in both. Neighbouring layers of a"
        " residual network are alike; a block of one colour is layers that do nearly the same."
    )
    now: list[str] = []
    if np.isfinite(matrix).any():
        if between:
            size = min(matrix.shape)
            mean = float(np.nanmean(np.diagonal(matrix[:size, :size])))
            now.append(Message("Equal places are {mean} alike on average.", mean=number(mean, 2)))
        else:
            steps = finite(matrix[i, i + 1] for i in range(min(matrix.shape) - 1))
            now.append(
                Message("First and last place are {alike} alike.", alike=number(matrix[0, -1], 2))
            )
            if len(steps):
                low = number(float(steps.min()), 2)
                now.append(Message("Neighbours are at least {low} alike.", low=low))
    return Notice(axes, theory, tuple(now), ("CKA", "residual stream"))


def sinks(shares: Any, found: dict[str, Any]) -> Notice:
    """Mean attention to the first token, by layer and head."""
    values = np.asarray(shares, dtype=np.float64)
    now: list[str] = []
    if np.isfinite(values).any():
        layer, head = np.unravel_index(int(np.nanargmax(values)), values.shape)
        now.append(
            Message(
                "Most looks layer {layer}, head {head}: {share} of its attention. Even attention"
                " gives {even}.",
                layer=int(layer) + 1,
                head=int(head) + 1,
                share=number(float(values.max()), 2),
                even=number(float(found["uniform"]), 2),
            )
        )
    count = len(found["found"])
    now.append(
        Message(
            "{n} head reaches {threshold}.",
            "{n} heads reach {threshold}.",
            n=count,
            threshold=f"{found['threshold']:g}",
        )
    )
    return Notice(
        Message(
            "Rows: layers. Columns: heads. Colour and number: mean attention to the first token."
        ),
        Message(
            "A sink is a head that rests on the first token when it has nothing to look for. Plain"
            " in large models, not expected in small ones."
        ),
        tuple(now),
        ("attention sink", "attention head"),
    )


def _each(
    measured: Sequence[Measured], of: Callable[[str, dict[str, Any]], str]
) -> tuple[str, ...]:
    return tuple(of(name, result) for name, _, result in measured)


def _from_to(measured: Sequence[Measured], key: str) -> tuple[str, ...]:
    """How a quantity goes from the embedding to the last layer, and where it is at its extreme."""

    def of(name: str, result: dict[str, Any]) -> str:
        inside = _inside(result, key)
        if not len(inside) or not np.isfinite(inside[[0, -1]]).all():
            return Message("{name}: some of it is not finite.", name=name)
        places = [place for place in result["places"] if place != "final_norm.out"]
        high = int(np.nanargmax(inside))
        return Message(
            "{name}: from {first} at the embedding to {last} at the end; highest, {high}, {place}.",
            name=name,
            first=number(float(inside[0])),
            last=number(float(inside[-1])),
            high=number(float(inside[high])),
            place=place_words(places[high]),
        )

    return _each(measured, of)


def _inside(result: dict[str, Any], key: str) -> np.ndarray:
    """A quantity at the places of the stream before the final norm."""
    kept = [i for i, place in enumerate(result["places"]) if place != "final_norm.out"]
    return np.asarray(numbers(result[key])[kept], dtype=np.float64)
