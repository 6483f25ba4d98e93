"""Each file of a run, harmed in each way, while somebody views, resumes or trains it."""

from __future__ import annotations

import random
from collections.abc import Callable

from core.runs import Run
from core.runs.status import send
from tests.faults import damage, processes
from tests.faults.case import Case, sound, take_up
from tests.faults.laboratory import Laboratory, Reference, compare, look, train

FILES = (
    *("config.json", "status.json", "meta.json", "corpus.json", "tokenizer.json", "events.jsonl"),
    *("lock", "reserve", "log.txt", "control/00000000000000000007-step"),
    *("metrics/step-0000.arrow", "metrics/probe-0000.arrow", "metrics/evaluation-0000.arrow"),
    "snapshots/attention-000000005.npy",
    *(
        f"checkpoints/step-000000020{end}"
        for end in (".json", ".safetensors", ".state.safetensors")
    ),
)
# Only a fork has these, and the second only one whose layers somebody switched by hand.
OF_FORKS = ("fork.json", "switches.json")
OF_ENDED = ("digest.json",)


def cases() -> list[Case]:
    """Every file, way and moment that can go together."""
    moments = {"viewing": _viewing, "resuming": _resuming, "training": _training}
    return [
        Case(f"a file {way}, while {moment}", name, _on(act, way, name))
        for way in damage.WAYS
        for moment, act in moments.items()
        for name in (*FILES, *OF_FORKS, *(OF_ENDED if moment == "viewing" else ()))
    ]


def _on(
    act: Callable[[Laboratory, random.Random, str, str], None], way: str, name: str
) -> Callable[[Laboratory, random.Random], None]:
    return lambda lab, rng: act(lab, rng, way, name)


def harm(run: Run, rng: random.Random, way: str, name: str) -> None:
    """Do it, where the run has such a file at this moment."""
    path = run.path / name
    if name.startswith("control/") and path.parent.is_dir():
        send(path.parent, "step")
        next(path.parent.glob("*-step")).rename(path)
    if name == "log.txt":
        path.write_text("a word of the worker\n")
    if way == "made unreadable":
        processes.become_nobody(run.path.parent)
    if path.is_file():
        damage.WAYS[way](path, rng)


def _viewing(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    killed: Reference = "fork killed" if name in OF_FORKS else "killed"
    with lab.store("whole", killed) as store:
        whole, bad = lab.copies(store)
        if name in OF_ENDED:
            whole, bad = bad, whole
        truth = lab.truth(whole.name)
        look(store)
        harm(bad, rng, way, name)
        look(store)
        compare(whole, truth, missing=lambda key: whole.name != "whole")


def _resuming(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    whole, killed = lab.pair(name in OF_FORKS)
    with lab.store(killed) as store:
        [run] = lab.copies(store)
        harm(run, rng, way, name)
        take_up(lab, store, run.id, name, whole)


def _training(lab: Laboratory, rng: random.Random, way: str, name: str) -> None:
    whole, _ = lab.pair(name in OF_FORKS)
    with lab.store() as store:
        run, control = lab.fresh(store, whole)
        at = rng.randrange(1, lab.polls(whole))
        control.also(at, lambda: harm(run, rng, way, name))
        state = train(run, control)
        look(store)
        sound(lab, store, run.id, state, name, whole)
