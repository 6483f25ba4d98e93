"""What a run would cost, in words, before it starts."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from core import estimate
from core.config import CLASSES, RunConfig
from core.data.corpora import CorpusError, check_length, describe
from core.jobs import machine
from core.runs import Run, RunStore

# Floating-point operations per second and core that a first guess assumes of a small network.
GUESS_PER_CORE = 15e9


@dataclass(frozen=True)
class Measured:
    """One step of an earlier run: its work in operations, its seconds and its layers."""

    work: float
    seconds: float
    depth: int


def vocabulary(config: RunConfig) -> tuple[int | None, str]:
    """How many letters or classes the corpus has, or None and what is wrong with the corpus."""
    if config.image is not None:
        return CLASSES, ""  # known without bringing the images
    try:
        text = describe(config.data)
        check_length(text, config.model.context)
    except CorpusError as error:
        return None, str(error)
    return text.vocabulary, ""


def size(config: RunConfig, vocab: int) -> str:
    """`612,416 parameters · 9.8 MB to train`."""
    count = estimate.parameters(config.model, vocab, config.image)
    return f"{count:,} parameters · {in_bytes(estimate.memory_bytes(config, vocab))} to train"


def duration(config: RunConfig, vocab: int, measured: Measured | None) -> str:
    """`about 40 s on this machine (cpu, 2 threads)`; says when it is a guess."""
    cores = machine().cores
    threads = cores if config.training.threads == "auto" else config.training.threads
    seconds = config.training.steps * step_seconds(config, vocab, threads, measured)
    gpu = config.training.device == "cuda"
    where = "gpu" if gpu else f"cpu, {threads} thread{'s' * (threads != 1)}"
    if measured is None:
        return f"about {in_time(seconds)}, a guess until the first run ({where})"
    return f"about {in_time(seconds)} on this machine ({where})"


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


def step_work(config: RunConfig, vocab: int) -> float:
    """Floating-point operations of one step."""
    each = estimate.flops_per_token(config.model, vocab, config.image)
    return config.tokens_per_step * each


def measured_speed(
    store: RunStore, config: RunConfig, vocab: int, look_at: int = 12
) -> Measured | None:
    """What the newest runs took, the one most like this one; None before any was measured."""
    work = step_work(config, vocab)
    found = []
    for run in reversed(store.list()[-look_at:]):
        if (run.config.training.device == "cuda") == (config.training.device == "cuda"):
            speed = _speed(run)
            found += [speed] if speed else []
    return min(found, key=lambda m: abs(math.log(m.work / work)), default=None)


def _speed(run: Run) -> Measured | None:
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


def in_bytes(count: float) -> str:
    """`9.8 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"


def in_time(seconds: float) -> str:
    """`40 s`, `3 min`, `2.5 h`."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
