"""How long a run will take, from what earlier runs took on this machine. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from core import estimate
from core.config import CLASSES, RunConfig
from core.data.corpora import check_length, is_ready, letters, load_text
from core.data.downloads import CorpusError
from core.language import Message, told
from core.machine import DeviceKind, cores, slots
from core.runs import Run, RunStore
from core.runs.budget import instrument_steps

# Floating-point operations per second and core that a first guess assumes of a small network.
GUESS_PER_CORE = 15e9
ASSUMED_TOKENS = 50257  # of a tokenizer's file that was not read: as many as GPT-2's
ASSUMED = 96  # letters of a text that was not read: what ASCII can print, and the end of a line
NEWEST = 12  # runs that tell how fast this machine is
SETTLED = 10  # steps of one that does: the first pay for what is loaded once


@dataclass(frozen=True)
class Measured:
    """One step of an earlier run: its work in operations, its seconds and its layers."""

    work: float
    seconds: float
    depth: int


def vocabulary(config: RunConfig, read: bool = True) -> tuple[int | None, str]:
    """How many letters or classes the corpus has, or None and what is wrong with the corpus.

    Without `read` no file that a user named is opened, `ASSUMED` letters stand for its own, and
    nothing is downloaded.
    """
    if config.image is not None:
        return CLASSES, ""  # known without bringing the images
    try:
        if not read:
            return letters(config.data, config.model.context) or assumed(config), ""
        if not is_ready(config.data):  # it is prepared when the run begins, which may take long
            return letters(config.data, config.model.context) or assumed(config), ""
        text = load_text(config.data)
        check_length(text, config.model.context)
    except CorpusError as error:
        return None, told(error)
    return text.vocabulary, ""


def assumed(config: RunConfig) -> int:
    """How many letters or tokens a text that was not read is taken to have."""
    return ASSUMED_TOKENS if config.data.tokenizer == "file" else ASSUMED


def step_work(config: RunConfig, vocab: int) -> float:
    """Floating-point operations of one step."""
    each = estimate.flops_per_token(config.model, vocab, config.image)
    return config.tokens_per_step * each


def step_seconds(config: RunConfig, vocab: int, threads: int, measured: Measured | None) -> float:
    """Seconds of one step: a fixed cost for each layer, which small networks pay most, and work."""
    work = step_work(config, vocab)
    rate = GUESS_PER_CORE * threads
    if measured is None:
        return work / rate
    fixed = (measured.seconds - measured.work / rate) / measured.depth
    if fixed < 0:  # this machine is faster than guessed
        return work * measured.seconds / measured.work
    return fixed * config.model.blocks + work / rate


def run_seconds(
    config: RunConfig, vocab: int, threads: int, measured: Measured | None, first: int = 0
) -> float:
    """Seconds of a run from step `first` on: its steps, and what its instruments measure with
    gradients of their own."""
    each = step_seconds(config, vocab, threads, measured)
    steps = max(config.training.steps - first, 0)
    return each * (steps + instrument_steps(config, first, each))


def measurements(store: RunStore, device: str, look_at: int = NEWEST) -> list[Measured]:
    """Measured times of the newest runs on the same kind of device, newest first."""
    speeds = (
        measured(run)
        for run in islice(store.newest(), look_at)
        if (run.config.training.device == "cuda") == (device == "cuda")
    )
    return [speed for speed in speeds if speed is not None]


def nearest(known: Iterable[Measured], work: float) -> Measured | None:
    """The measurement of the run most like one of this work; None before any was measured."""
    return min(known, key=lambda m: abs(math.log(m.work / work)), default=None)


def measured_speed(
    store: RunStore, config: RunConfig, vocab: int, look_at: int = NEWEST
) -> Measured | None:
    """The measured time of the newest run most like this one; None before any was measured."""
    known = measurements(store, config.training.device, look_at)
    return nearest(known, step_work(config, vocab))


def measured(run: Run) -> Measured | None:
    """Seconds of a step of a run, measured or expected; None while unknown."""
    if run.record.step - run.first_step < SETTLED:
        return None
    rate = run.record.tokens_per_second
    vocab = run.corpus.get("vocabulary")
    if rate is None:
        try:
            values = [float(v) for v in run.series("tokens_per_second")[1][-200:] if v > 0]
        except KeyError:
            return None
        rate = statistics.median(values) if values else None
    if not rate or not isinstance(vocab, int):
        return None
    seconds = run.config.tokens_per_step / rate
    return Measured(step_work(run.config, vocab), seconds, run.config.model.blocks)


def together(seconds: Sequence[float], places: int) -> float:
    """Seconds until jobs of these seconds are done, `places` at once: at least the longest one."""
    return max(sum(seconds) / max(places, 1), max(seconds, default=0.0))


@dataclass(frozen=True)
class Cost:
    """What many runs need: seconds in all, bytes at once, and how many train at the same time.

    `measured` says that the seconds come from runs on this machine. `problem` is a sentence when
    some corpus can't be read; the rest is then 0.
    """

    seconds: float = 0.0
    memory: int = 0
    places: int = 1
    measured: bool = False
    problem: str = ""


def cost(store: RunStore, configs: Sequence[RunConfig], read: bool = True, first: int = 0) -> Cost:
    """The cost of these runs on this machine: time, and the memory of the largest in every slot.

    `read` as in :func:`vocabulary`; `first` is the step that they start at.
    """
    seconds, need = [], 0
    device: DeviceKind = "cuda" if any(c.training.device == "cuda" for c in configs) else "cpu"
    sizes: dict[tuple[object, int], tuple[int | None, str]] = {}
    for config in configs:
        text = (config.data, config.model.context)
        if text not in sizes:
            sizes[text] = vocabulary(config, read)
        size, problem = sizes[text]
        if size is None:
            return Cost(problem=problem)
        need = max(need, estimate.needed_bytes(config, size, device == "cuda"))
    places = min(slots(device, need), max(len(configs), 1))
    share = max(1, cores() // places)
    speeds = measurements(store, device)
    for config in configs:
        size = sizes[config.data, config.model.context][0] or 0
        threads = share if config.training.threads == "auto" else config.training.threads
        near = nearest(speeds, step_work(config, size))
        seconds.append(run_seconds(config, size, threads, near, first))
    return Cost(together(seconds, places), need * places, places, bool(speeds))


def in_time(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return Message("{seconds:.0f} s", seconds=seconds)
    if seconds < 90 * 60:
        return Message("{seconds:.0f} min", seconds=seconds / 60)
    return Message("{seconds:.1f} h", seconds=seconds / 3600)
