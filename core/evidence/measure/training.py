"""What becomes of networks when they are trained: who learns, who dies, how they look then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core import presets
from core.anatomy import Silent
from core.anatomy.heads import heads
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.parameters import Heads
from core.config import RunConfig
from core.data import corpora
from core.evidence.claim import Measured, Series
from core.evidence.measure.networks import Lab, curve, points
from core.evidence.measure.trained import UNWATCHED, gap, last_loss, settings, smoothed, trained
from core.runs import Run

UNIGRAM = 3.309  # nats, of the training part of tiny-shakespeare
Made = Callable[[int], RunConfig]


def _train(lab: Lab, networks: dict[str, tuple[str, Made]]) -> dict[str, list[Run]]:
    """Each network (key: title, its config by seed) with each seed."""
    jobs = [(key, seed) for seed in lab.seeds for key in networks]
    found: dict[str, list[Run]] = {key: [] for key in networks}
    for i, (key, seed) in enumerate(jobs):
        title, made = networks[key]
        name = f"{title}, seed {seed}"
        found[key].append(trained(lab, made(seed), name, i / len(jobs), 1 / len(jobs)))
    return found


def _made(wiring: str, **changes: object) -> Made:
    return lambda seed: settings(wiring, **{"training__seed": seed, **changes})


def _ids(found: dict[str, list[Run]]) -> list[str]:
    return [run.id for runs in found.values() for run in runs]


def _curves(found: dict[str, list[Run]], names: dict[str, str]) -> list[Series]:
    """The loss through training, of the runs that did not diverge."""
    series = []
    for key, runs in found.items():
        rows = [smoothed(run) for run in runs if run.status != "diverged"]
        if rows:
            series.append(points(names[key], rows[0][0], [losses for _, losses in rows]))
    return series


def _plateau(series: Sequence[Series]) -> Series:
    last = max((s.x[-1] for s in series), default=1.0)
    return curve("unigram entropy", (0.0, last), (UNIGRAM, UNIGRAM))


def _compared(lab: Lab, networks: dict[str, tuple[str, Made]]) -> tuple[Measured, Any]:
    """Every network's mean loss of the last 50 steps, their curves, and the runs."""
    found = _train(lab, networks)
    series = _curves(found, {key: title for key, (title, _) in networks.items()})
    values = {key: [last_loss(run) for run in runs] for key, runs in found.items()}
    return Measured(values, [*series, _plateau(series)], _ids(found)), found


def warm_up(lab: Lab) -> Measured:
    """`dead`: post-LN's gap to the unigram loss without warm-up; `saved`: its loss with 200 of 400
    steps; `pre`: pre-LN's loss without."""
    steps = {"model__depth": 12, "training__steps": 400}
    measured, found = _compared(
        lab,
        {
            "dead": ("post-LN, no warm-up", _made("post-LN", **steps)),
            "saved": (
                "post-LN, warm-up 200", _made("post-LN", optimizer__warmup_steps=200, **steps),
            ),
            "pre": ("pre-LN, no warm-up", _made("pre-LN", **steps)),
        },
    )  # fmt: skip
    measured.values["dead"] = [abs(gap(run)) for run in found["dead"]]
    return measured


def plateau(lab: Lab) -> Measured:
    """`gap`: |loss - unigram loss of that very batch| of a dead network over 100 steps; `alive`
    the same of one that learns."""
    steps = {"model__depth": 12, "training__steps": 400}
    networks = {
        "gap": ("post-LN, no warm-up", _made("post-LN", **steps)),
        "alive": ("pre-LN, no warm-up", _made("pre-LN", **steps)),
    }
    found = _train(lab, networks)
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
    level = curve("unigram loss of the batch", (0.0, 400.0), (0.0, 0.0))
    return Measured(values, [*series, level], _ids(found))


def depth_threshold(lab: Lab) -> Measured:
    """`loss-2`, `loss-4`, `loss-8`: post-LN's loss without warm-up after 300 steps; `dead`: the gap
    of 12 layers."""
    depths = (2, 4, 8, 12)
    networks = {
        f"loss-{n}": (
            f"post-LN, {n} layers", _made("post-LN", model__depth=n, training__steps=300)
        )
        for n in depths
    }  # fmt: skip
    measured, found = _compared(lab, networks)
    measured.values["dead"] = [abs(gap(run)) for run in found["loss-12"]]
    return measured


def initialisation(lab: Lab) -> Measured:
    """`gpt2`, `torch`: the loss of post-LN with 12 layers and no warm-up; `xavier` the gap of the
    same with Xavier's."""
    steps = {"model__depth": 12, "training__steps": 400}
    networks = {
        init: (f"post-LN, {init} initialisation", _made("post-LN", model__init=init, **steps))
        for init in ("gpt2", "torch")
    }
    networks["xavier"] = ("post-LN, no warm-up", _made("post-LN", **steps))
    measured, found = _compared(lab, networks)
    measured.values["xavier"] = [abs(gap(run)) for run in found["xavier"]]
    return measured


ALIVE = ("DeepNorm", "pre-LN", "Peri-LN", "LayerScale", "ReZero", "OLMo 2")


def trainability(lab: Lab) -> Measured:
    """The losses of what trains at 12 layers without warm-up, the gaps of what does not."""
    steps = {"model__depth": 12, "training__steps": 400}
    dead = ("post-LN", "no residual")
    networks = {
        name: (f"{name}, no warm-up", _made(name, **steps)) for name in (*ALIVE, *dead, "no norm")
    }
    measured, found = _compared(lab, networks)
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
    found = _train(
        lab, {key: (f"{name}, 8 layers", _made(name, **steps)) for key, name in names.items()}
    )
    values, series = {}, []
    for key, runs in found.items():
        rows = [run.series("grad_norm/mlp.out")[1][-50:].mean(0) for run in runs]
        values[key] = [float(row[-1] / row[0]) for row in rows]
        series.append(points(names[key], range(1, 9), [row.tolist() for row in rows]))
    return Measured(values, series, _ids(found))


def nanogpt(lab: Lab) -> Measured:
    """`validation`: nanoGPT's loss at its published setting for a processor."""
    flat = {**presets.load("nanogpt-cpu").config.flat(), "name": "", "training.threads": 1,
            "training.precision": "float32"}  # fmt: skip

    def made(seed: int) -> RunConfig:
        return RunConfig.from_flat({**flat, "training.seed": 1337 + seed})

    found = _train(lab, {"validation": ("nanoGPT on a processor", made)})
    rows = [run.series("loss/validation") for run in found["validation"]]
    values = {"validation": [float(losses[-1]) for _, losses in rows]}
    shown = points("validation loss", rows[0][0], [losses.tolist() for _, losses in rows])
    published = curve("published: 1.88", (0.0, 2000.0), (1.88, 1.88))
    return Measured(values, [shown, published], _ids(found))


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


def induction(lab: Lab) -> Measured:
    """`two`, `one`: the best induction score of two layers and of one; `first` that of the first of
    the two; `gained`: how much lower the loss of two layers is; `floor`: the two layers' loss above
    the lowest possible."""
    networks: dict[str, tuple[str, Made]] = {}
    for key, preset in {"two": "induction", "one": "induction-one-layer"}.items():
        base = presets.load(preset).config.flat()

        def made(seed: int, flat: dict[str, Any] = {**base, **UNWATCHED, "name": ""}) -> RunConfig:  # noqa: B006
            return RunConfig.from_flat({**flat, "training.seed": seed})

        networks[key] = (f"induction, {key} layer{'s' * (key == 'two')}", made)
    found = _train(lab, networks)
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
            points("two layers", at, rows["two"]),
            points("one layer", at, rows["one"]),
            curve("lowest possible", (0.0, at[-1]), (lowest, lowest)),
        ],
        _ids(found),
    )


def at_scale(lab: Lab, which: str) -> Measured:
    """What large models show, in pre-LN of 8 layers after 500 steps.

    `massive`: `largest` |a| of the stream and over the `median`. `sinks`: the largest mean
    attention to token 0 of a head. `variance`: growth of log ‖h‖² per layer's, last over first
    half. `lns`: the loss of pre-LN minus that of LNS.
    """
    steps = {"model__depth": 8, "training__steps": 500}
    networks = {"pre": ("pre-LN, 8 layers", _made("pre-LN", **steps))}
    if which == "lns":
        networks["lns"] = ("LNS, 8 layers", _made("LNS", **steps))
        measured, _ = _compared(lab, networks)
        pairs = zip(measured.values["pre"], measured.values["lns"], strict=True)
        measured.values["ahead"] = [pre - lns for pre, lns in pairs]
        return measured
    found = _train(lab, networks)
    layers = range(1, 9)
    values: dict[str, list[float]] = {}
    rows = []
    for run in found["pre"]:
        for key, value, row in _OF[which](run):
            values.setdefault(key, []).append(value)
            if row is not None:
                rows.append(row)
    return Measured(values, [points("pre-LN, after 500 steps", layers, rows)], _ids(found))


Found = list[tuple[str, float, list[float] | None]]


def _trace(run: Run) -> dict[str, Any]:
    checkpoint = LoadedCheckpoint(run, run.checkpoints[-1])
    windows = checkpoint.held_out(8)[0]
    model: Any = checkpoint.model
    return {name: t.detach().float() for name, t in model.trace(windows).items()}


def _massive(run: Run) -> Found:
    trace = _trace(run)
    streams = [trace[f"blocks.{i}.resid_post"].abs() for i in range(8)]
    over = [float(h.max() / h.median()) for h in streams]
    return [("largest", max(float(h.max()) for h in streams), None), ("median", max(over), over)]


def _sinks(run: Run) -> Found:
    trace = _trace(run)
    first = [trace[f"blocks.{i}.attn.pattern"][:, :, 32:, 0].mean((0, 2)) for i in range(8)]
    row = [float(head.max()) for head in first]
    return [("sink", max(row), row)]


def _variance(run: Run) -> Found:
    trace = _trace(run)
    sizes = [float(trace[f"blocks.{i}.resid_post"].var()) for i in range(8)]
    logs = np.log(sizes)
    early, late = (logs[3] - logs[0]) / 3, (logs[7] - logs[4]) / 3
    return [("constant", float(late / early), None), ("growth", sizes[-1] / sizes[0], sizes)]


_OF: dict[str, Callable[[Run], Found]] = {
    "massive": _massive, "sinks": _sinks, "variance": _variance,
}  # fmt: skip


def beside(lab: Lab, change: str) -> Measured:
    """`gained`: the loss of plain pre-LN minus that with one change, 6 layers, 400 steps."""
    steps = {"model__depth": 6, "training__steps": 400}
    changes: dict[str, tuple[str, dict[str, object]]] = {
        "dyt": ("DyT", {"model__norm": "dyt"}),
        "value": ("value residual", {"model__value_residual": True}),
        # Three matrices of 2/3 the width have as many weights as two.
        "swiglu": ("SwiGLU", {"model__activation": "swiglu", "model__feedforward_width": 171}),
    }
    title, more = changes[change]
    measured, _ = _compared(
        lab,
        {
            "plain": ("pre-LN, 6 layers", _made("pre-LN", **steps)),
            "changed": (f"pre-LN with {title}, 6 layers", _made("pre-LN", **{**steps, **more})),
        },
    )
    pairs = zip(measured.values["plain"], measured.values["changed"], strict=True)
    measured.values["gained"] = [plain - changed for plain, changed in pairs]
    return measured
