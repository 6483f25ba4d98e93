"""The kind `heads`: every head of a checkpoint, scored on held-out text and on repeated tokens.

L layers, H heads, T tokens.

``entropy previous first duplicate matching`` are as `core.heads.scores` defines them, means over
held-out windows; ``induction`` is the mean over sequences of random tokens that repeat, each with a
random period of a quarter to half of the context. ``without_sink`` has the same of the attention
that does not go to the first token, as `core.heads.scores.without_sink` defines it.

arrays
    Each score by its name, (L, H) float32, NaN where it does not exist.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.text_attention import patterns
from core.heads.scores import SCORES, Scores, scores, without_sink
from core.language import Message

SEQUENCES = 16  # of repeated tokens
FEW_TOKENS = 8  # an alphabet smaller than this can't fill a period without repeating itself


def heads(
    checkpoint: LoadedCheckpoint, asked: parameters.Heads, report: Report
) -> Answer[results.Heads]:
    """Every score of every head; the module's docstring says what is found."""
    windows = checkpoint.held_out(asked.windows)[0].tolist()  # (N, T)
    repeated = sequences(checkpoint.context, checkpoint.vocabulary, asked.seed)
    readings: dict[str, list[Scores]] = {}
    rests: dict[str, list[Scores]] = {}
    whole = len(windows) + len(repeated)
    for i, ids in enumerate(windows):
        report(
            i / whole,
            Message("reads held-out window {i} of {windows}", i=i + 1, windows=len(windows)),
        )
        pattern = patterns(checkpoint, ids).numpy()
        for kept, of in ((readings, scores), (rests, without_sink)):
            for name, values in of(pattern, ids).items():
                if name != "induction":  # held-out text that repeats is measured as all others are
                    kept.setdefault(name, []).append(values)
    for i, ids in enumerate(repeated):
        period = len(ids) // 2
        report(
            (len(windows) + i) / whole,
            Message("reads random tokens of period {period}, twice", period=period),
        )
        pattern = patterns(checkpoint, ids).numpy()
        for kept, of in ((readings, scores), (rests, without_sink)):
            kept.setdefault("induction", []).append(of(pattern, ids, period)["induction"])
    shape = (checkpoint.wiring.depth, checkpoint.wiring.heads)
    averages = {name: _average(readings.get(name, []), shape) for name in SCORES}
    rest = {name: _average(rests.get(name, []), shape) for name in ("rest", *SCORES)}
    del rest["first"]
    rows = np.arange(1, len(windows[0]) + 1)
    attended = rows if checkpoint.wiring.causal else np.full_like(rows, len(rows))
    result: results.Heads = {
        "scores": {name: values.tolist() for name, values in averages.items()},
        "without_sink": {name: values.tolist() for name, values in rest.items()},
        "best": {name: _best(name, values) for name, values in averages.items()},
        "uniform": {
            "entropy": float(np.log(attended).mean()),
            "first": float((1 / attended[1:]).mean()) if len(rows) > 1 else None,
        },
        "layers": shape[0],
        "heads": shape[1],
        "tokens": len(rows),
        "windows": len(windows),
        "periods": [len(ids) // 2 for ids in repeated],
        "step": checkpoint.step,
    }
    return Answer(result, {name: v.astype(np.float32) for name, v in averages.items()})


def sequences(context: int, vocabulary: int, seed: int) -> list[list[int]]:
    """Random tokens, each sequence twice in a row, with a period of its own.

    Seen twice only, and no token twice within a period where the alphabet allows it, so that
    exactly one earlier token is the one to attend to. [] where the context is below 4.
    """
    longest = context // 2
    if vocabulary >= FEW_TOKENS:
        longest = min(longest, vocabulary)
    if longest < 2:
        return []
    random = np.random.default_rng(seed)
    periods = random.integers(max(2, longest // 2), longest + 1, SEQUENCES)
    return [_once(random, int(period), vocabulary).tolist() * 2 for period in periods]


def _once(random: np.random.Generator, period: int, vocabulary: int) -> NDArray[np.int64]:
    if period > vocabulary:
        return random.integers(0, vocabulary, period)
    return random.permutation(vocabulary)[:period]


def _average(readings: list[Scores], shape: tuple[int, int]) -> Scores:
    """The mean of those readings where the score exists, (L, H)."""
    total, count = np.zeros(shape), np.zeros(shape)
    for values in readings:
        present = ~np.isnan(values)
        total[present] += values[present]
        count += present
    mean: Scores = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
    return mean


def _best(name: str, values: Scores) -> results.Best | None:
    if np.isnan(values).all():
        return None
    place = np.nanargmin(values) if name == "entropy" else np.nanargmax(values)
    layer, head = np.unravel_index(place, values.shape)
    return {"layer": int(layer), "head": int(head), "value": float(values[layer, head])}
