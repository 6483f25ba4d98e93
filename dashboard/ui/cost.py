"""What a run would cost, in words, before it starts."""

from __future__ import annotations

from core import durations, estimate
from core.config import RunConfig
from core.config.words import file_name
from core.durations import (
    Measured,
    in_time,
    measured_speed,
    run_seconds,
    step_seconds,
    step_work,
)
from core.jobs import elsewhere, machine
from core.jobs.admission import device_of, refused
from core.jobs.slots import room_for
from core.language import t
from core.memory import in_bytes

__all__ = [
    "Measured",
    "duration",
    "in_bytes",
    "in_time",
    "lacking",
    "measured_speed",
    "size",
    "step_seconds",
    "step_work",
    "vocabulary",
]


def vocabulary(config: RunConfig) -> tuple[int | None, str]:
    """Letters or classes of the corpus, or None and what is wrong with it.

    A page is drawn for whoever wrote its address, so no drawing opens a path in it or downloads
    a corpus: both happen once somebody presses a button.
    """
    letters, problem = durations.vocabulary(config, read=False)
    return letters, t(problem)


def size(config: RunConfig, vocab: int) -> str:
    """`612,416 parameters · 480 MB to train, 21.3 GB free`; the latter where it is known.

    Of an own text it says that its letters are assumed.
    """
    count, kind = estimate.parameters(config.model, vocab, config.image), device_of(config)
    need = in_bytes(estimate.needed_bytes(config, vocab, kind == "cuda"))
    there = elsewhere.shown()
    room = None if there else room_for(kind)
    text = t("{count:,} parameters · {need} to train", count=count, need=need)
    if there:
        text += t(" · trains on {host}", host=t(elsewhere.named(there)))
    elif room and kind == "cuda":
        text += t(", {free} free on the GPU", free=in_bytes(room.beside))
    elif room:
        text += t(", {free} free", free=in_bytes(room.beside))
    if name := _unread(config):
        if config.data.tokenizer == "file":
            return text + t(
                ", with {n:,} tokens assumed: {name} is read at Train", n=vocab, name=name
            )
        text += t(", with {n} letters assumed: {name} is read at Train", n=vocab, name=name)
    return text


def _unread(config: RunConfig) -> str:
    """The text or tokenizer of one's own that says how many letters or tokens there are; empty
    where that is known."""
    data = config.data
    if data.tokenizer == "characters":
        return str(file_name("data.path", data.path) or data.dataset or "")
    return str(file_name("data.tokenizer_file", data.tokenizer_file) or "")


def lacking(config: RunConfig) -> str:
    """Why a run can't start: ADDNORM_CLUSTER names nothing, or the machine has too little memory,
    and then what would fit; nothing where it can."""
    if elsewhere.shown():
        return ""
    return t(elsewhere.problem() or refused(config, read=False))


def duration(config: RunConfig, vocab: int, measured: Measured | None, first: int = 0) -> str:
    """`about 40 s on this machine (cpu, 2 threads)`; says when it is a guess.

    `first`: the step that the run would start at.
    """
    cores = machine().cores
    threads = cores if config.training.threads == "auto" else config.training.threads
    seconds = run_seconds(config, vocab, threads, measured, first)
    gpu = config.training.device == "cuda"
    where = "gpu" if gpu else t("cpu, {n} thread", "cpu, {n} threads", n=threads)
    time = t(in_time(seconds))
    if measured is None:
        return t("about {time}, a guess until the first run ({where})", time=time, where=where)
    if elsewhere.shown():
        return t("about {time}, as on this machine ({where})", time=time, where=where)
    return t("about {time} on this machine ({where})", time=time, where=where)
