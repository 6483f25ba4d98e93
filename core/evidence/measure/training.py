"""What becomes of networks when they are trained: who learns, who dies, how they look then."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from core import presets
from core.anatomy import Silent
from core.anatomy.heads import heads
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.parameters import Heads
from core.config import RunConfig
from core.data import corpora
from core.evidence.claim import Measured
from core.evidence.measure.networks import Lab, curve, of_depth, points
from core.evidence.measure.trained import (
    UNWATCHED,
    Made,
    compared,
    gap,
    ids,
    last_loss,
    made,
    settings,
    smoothed,
    train_all,
)
from core.language import Message, mark


def warm_up(lab: Lab) -> Measured:
    """`dead`: post-LN's gap to the unigram loss without warm-up; `saved`: its loss with 200 of 400
    steps; `pre`: pre-LN's loss without."""
    steps = {"model__depth": 12, "training__steps": 400}
    measured, found = compared(
        lab,
        {
            "dead": (Message("post-LN, no warm-up"), made("post-LN", **steps)),
            "saved": (
                Message("post-LN, warm-up 200"),
                made("post-LN", optimizer__warmup_steps=200, **steps),
            ),
            "pre": (Message("pre-LN, no warm-up"), made("pre-LN", **steps)),
        },
    )  # fmt: skip
    measured.values["dead"] = [abs(gap(run)) for run in found["dead"]]
    return measured


def plateau(lab: Lab) -> Measured:
    """`gap`: |loss - unigram loss of that very batch| of a dead network over 100 steps; `alive`
    the same of one that learns."""
    steps = {"model__depth": 12, "training__steps": 400}
    networks = {
        "gap": (Message("post-LN, no warm-up"), made("post-LN", **steps)),
        "alive": (Message("pre-LN, no warm-up"), made("pre-LN", **steps)),
    }
    found = train_all(lab, networks)
    values = {key: [abs(gap(run, 100)) for run in runs] for key, runs in found.items()}
    series = []
    for key, runs in found.items():
        rows, at = [], np.zeros(0)
        for run in runs:
            steps_at, loss = run.series("loss/train")
            unigram = run.series("loss/unigram")[1]
            size = len(loss) // 20 * 20
            rows.append((loss - unigram)[:size].reshape(-1, 20).mean(1).tolist())
            at = steps_at[:size].reshape(-1, 20).mean(1)
        series.append(points(networks[key][0], at, rows))
    level = curve(mark("unigram loss of the batch"), (0.0, 400.0), (0.0, 0.0))
    return Measured(values, [*series, level], ids(found))


def depth_threshold(lab: Lab) -> Measured:
    """`loss-2`, `loss-4`, `loss-8`: post-LN's loss without warm-up after 300 steps; `dead`: the gap
    of 12 layers."""
    depths = (2, 4, 8, 12)
    networks = {
        f"loss-{n}": (
            of_depth("post-LN", n), made("post-LN", model__depth=n, training__steps=300)
        )
        for n in depths
    }  # fmt: skip
    measured, found = compared(lab, networks)
    measured.values["dead"] = [abs(gap(run)) for run in found["loss-12"]]
    return measured


def initialisation(lab: Lab) -> Measured:
    """`gpt2`, `torch`: the loss of post-LN with 12 layers and no warm-up; `xavier` the gap of the
    same with Xavier's."""
    steps = {"model__depth": 12, "training__steps": 400}
    networks = {
        init: (
            Message("post-LN, {init} initialisation", init=init),
            made("post-LN", model__init=init, **steps),
        )
        for init in ("gpt2", "torch")
    }
    networks["xavier"] = (Message("post-LN, no warm-up"), made("post-LN", **steps))
    measured, found = compared(lab, networks)
    measured.values["xavier"] = [abs(gap(run)) for run in found["xavier"]]
    return measured


ALIVE = ("DeepNorm", "pre-LN", "Peri-LN", "LayerScale", "ReZero", "OLMo 2")


def trainability(lab: Lab) -> Measured:
    """The losses of what trains at 12 layers without warm-up, the gaps of what does not."""
    steps = {"model__depth": 12, "training__steps": 400}
    dead = ("post-LN", "no residual")
    networks = {
        name: (Message("{wiring}, no warm-up", wiring=Message(name)), made(name, **steps))
        for name in (*ALIVE, *dead, "no norm")
    }
    measured, found = compared(lab, networks)
    for name in dead:
        measured.values[name] = [abs(gap(run)) for run in found[name]]
    # 1 where it diverged or its loss rose above that of guessing at random.
    measured.values["no norm"] = [
        float(run.status == "diverged" or not last_loss(run) < math.log(65))
        for run in found["no norm"]
    ]
    return measured


def profile_after(lab: Lab) -> Measured:
    """`pre`, `post`: ‖∂W2‖ of the last of 8 layers over the first, mean of the last 50 of 500
    steps."""
    steps = {"model__depth": 8, "training__steps": 500}
    names = {"pre": "pre-LN", "post": "post-LN"}
    found = train_all(
        lab,
        {key: (of_depth(name, 8), made(name, **steps)) for key, name in names.items()},
    )
    values, series = {}, []
    for key, runs in found.items():
        rows = [run.series("grad_norm/mlp.out")[1][-50:].mean(0) for run in runs]
        values[key] = [float(row[-1] / row[0]) for row in rows]
        series.append(points(names[key], range(1, 9), [row.tolist() for row in rows]))
    return Measured(values, series, ids(found))


def nanogpt(lab: Lab) -> Measured:
    """`validation`: nanoGPT's loss at its published setting for a processor."""
    flat = {**presets.load("nanogpt-cpu").config.flat(), "name": "", "training.threads": 1,
            "training.precision": "float32"}  # fmt: skip

    def of_seed(seed: int) -> RunConfig:
        return RunConfig.from_flat({**flat, "training.seed": 1337 + seed})

    found = train_all(lab, {"validation": (Message("nanoGPT on a processor"), of_seed)})
    rows = [run.series("loss/validation") for run in found["validation"]]
    values = {"validation": [float(losses[-1]) for _, losses in rows]}
    shown = points(mark("validation loss"), rows[0][0], [losses.tolist() for _, losses in rows])
    published = curve(Message("published: {loss}", loss="1.88"), (0.0, 2000.0), (1.88, 1.88))
    return Measured(values, [shown, published], ids(found))


def anchors(lab: Lab) -> Measured:
    """`unigram` and `validation`: nats per character of tiny-shakespeare under the frequencies of
    its training part; `bigram`, `bigram-validation` with add-one smoothing."""
    text = corpora.load_text(settings("pre-LN").data)
    ids, held = text.training.astype(int), text.validation.astype(int)
    size = text.vocabulary
    counts = np.zeros((size, size))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    smooth = np.log((counts + 1) / (counts + 1).sum(1, keepdims=True))
    exact = np.log(np.maximum(counts, 1) / np.maximum(counts.sum(1, keepdims=True), 1))
    values = {
        "unigram": [text.unigram_entropy],
        "validation": [text.unigram_validation],
        "bigram": [-float(exact[ids[:-1], ids[1:]].mean())],
        "bigram-validation": [-float(smooth[held[:-1], held[1:]].mean())],
    }
    order = [math.log(size), *(v[0] for v in values.values())]
    at = range(len(order))
    return Measured(values, [points("tiny-shakespeare", at, [order])])


INDUCTION = {
    "two": Message("induction, two layers"),
    "one": Message("induction, one layer"),
}


def _seeded(flat: dict[str, Any], seed: int) -> RunConfig:
    return RunConfig.from_flat({**flat, "training.seed": seed})


def induction(lab: Lab) -> Measured:
    """`two`, `one`: the best induction score of two layers and of one; `first` that of the first of
    the two; `gained`: how much lower the loss of two layers is; `floor`: the two layers' loss above
    the lowest possible."""
    networks: dict[str, tuple[str, Made]] = {}
    for key, preset in {"two": "induction", "one": "induction-one-layer"}.items():
        base = {**presets.load(preset).config.flat(), **UNWATCHED, "name": ""}
        networks[key] = (INDUCTION[key], partial(_seeded, base))
    found = train_all(lab, networks)
    values: dict[str, list[float]] = {
        key: [] for key in ("two", "first", "one", "gained", "floor", "previous")
    }
    asked = Heads(windows=8, seed=0)
    rows: dict[str, list[list[float]]] = {"two": [], "one": []}
    for key, runs in found.items():
        for run in runs:
            checkpoint = LoadedCheckpoint(run, run.checkpoints[-1])
            scores = heads(checkpoint, asked, Silent()).arrays
            by_layer = scores["induction"].max(1)
            values[key].append(float(by_layer.max()))
            rows[key].append(smoothed(run)[1])
            if key == "two":
                values["first"].append(float(by_layer[0]))
                previous = scores["previous"].max(1)
                values["previous"].append(float(previous[0] / previous[1]))
    for two, one in zip(found["two"], found["one"], strict=True):
        losses = [float(run.series("loss/validation")[1][-1]) for run in (two, one)]
        values["gained"].append(losses[1] - losses[0])
        values["floor"].append(losses[0] - two.corpus["floor"])
    at = smoothed(found["two"][0])[0]
    lowest = found["two"][0].corpus["floor"]
    return Measured(
        values,
        [
            points(mark("two layers"), at, rows["two"]),
            points(mark("one layer"), at, rows["one"]),
            curve(mark("lowest possible"), (0.0, at[-1]), (lowest, lowest)),
        ],
        ids(found),
    )
