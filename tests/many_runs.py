"""Many long runs, written as the trainer writes them: ``python -m tests.many_runs FOLDER``.

Runs learn, sit on a plateau or diverge; each has spikes of a single step. Settings, seeds and
names are those of a grid, so that they can be grouped, filtered and sorted.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.runs import Run, RunStore
from tests.fake_runs import GROUPS, UNIGRAM, Faker, config

PLACEMENTS = ("pre", "post", "sandwich", "reordered", "normformer")
RATES = (0.0003, 0.001, 0.003)
SEEDS = 5
SPIKE = 1.7  # nats above its neighbours
Rows = dict[str, NDArray[np.generic]]


def fate_of(placement: str, rate: float, seed: int) -> str:
    """What becomes of these settings: lives, plateau or diverges."""
    if placement == "post":
        return "plateau" if rate < 0.003 else "diverges"
    return "diverges" if rate == 0.003 and placement == "reordered" and seed % 2 else "lives"


def make(
    store: RunStore, runs: int = 250, steps: int = 10_000, layers: int = 8, seeds: int = SEEDS
) -> dict[str, list[int]]:
    """Write the runs; the steps of each one's spikes by its id.

    So many of them differ in nothing but their seed.
    """
    spikes: dict[str, list[int]] = {}
    kinds = list(itertools.product(PLACEMENTS, RATES, range(seeds)))
    for number in range(runs):
        turn, kind = divmod(number, len(kinds))
        placement, rate, seed = kinds[kind]
        settings = {
            "model__depth": layers,
            "model__placement": placement,
            "optimizer__learning_rate": rate,
            "optimizer__warmup_steps": 100 * turn,
            "training__seed": seed,
            "training__evaluate_every": max(steps // 20, 1),
        }
        name = f"{placement} {rate:g} warm-up {100 * turn} seed {seed}"
        run = store.create(config(name, steps, **settings))
        spikes[run.id] = write(run, fate_of(placement, rate, seed), number)
    return spikes


def write(run: Run, fate: str, seed: int) -> list[int]:
    """All rows of one run, through the trainer's writer; the steps of its spikes."""
    random = np.random.default_rng(seed)
    planned, layers = run.config.training.steps, run.config.model.depth
    count = planned if fate != "diverges" else planned // (2 + seed % 5)
    steps = np.arange(count)
    spikes = sorted(random.choice(np.arange(1, count), size=3, replace=False).tolist())
    faker = Faker(run)
    faker.start()
    faker.writers["step"].write(_step_rows(steps, layers, fate, spikes, random))
    every = run.config.probes.every
    faker.writers["probe"].write(_probe_rows(steps[::every], layers, random))
    at = steps[:: run.config.training.evaluate_every]
    loss = _loss(at, fate, random) + 0.03
    faker.writers["evaluation"].write({"step": at, "seconds": at * 0.05, "loss/validation": loss})
    for step in at.tolist():
        run.add_event("sample", step, text="First Citizen:\nBefore we proceed any further, hear me")
    faker.close()
    if fate == "plateau":
        faker.alarm(400, "plateau", "The loss has sat at the entropy of single letters (3.309).")
    if fate == "diverges":
        faker.alarm(count - 1, "diverged", "The loss is not a number.")
        faker.status("diverged", count - 1, "the loss is not a number")
    else:
        faker.status("finished", planned)
    return spikes


def _loss(steps: NDArray[np.int64], fate: str, random: np.random.Generator) -> NDArray[np.float32]:
    noise = random.standard_normal(len(steps), dtype=np.float32)
    if fate == "plateau":
        return np.float32(UNIGRAM + 0.9 * np.exp(-steps / 40)) + 0.012 * noise
    end = 2.0 + 0.3 * random.random()
    return np.float32(end + (4.25 - end) * np.exp(-((steps / 600) ** 0.6))) + 0.035 * noise


def _step_rows(
    steps: NDArray[np.int64],
    layers: int,
    fate: str,
    spikes: list[int],
    random: np.random.Generator,
) -> Rows:
    loss = _loss(steps, fate, random)
    loss[spikes] += SPIKE
    count = len(steps)
    rows: Rows = {
        "step": steps,
        "seconds": np.cumsum(0.04 + 0.02 * random.random(count)),
        "loss/train": loss,
        "loss/unigram": np.full(count, UNIGRAM, dtype=np.float32),
        "learning_rate": np.full(count, 1e-3, dtype=np.float32),
        "tokens_per_second": 18640 + 150 * random.standard_normal(count, dtype=np.float32),
    }
    for name in ("total", "embed", "head"):
        rows[f"grad_norm/{name}"] = _layers(steps, 1, 0.3, random)[:, 0]
    for name in GROUPS:
        rows[f"grad_norm/{name}"] = _layers(steps, layers, 0.1, random)
    if fate == "diverges":
        tail = slice(max(count - 40, 0), None)
        loss[tail] += np.linspace(0, 30, len(loss[tail]), dtype=np.float32) ** 2
        for name in ("loss/train", "grad_norm/total", "grad_norm/block"):
            rows[name][-1] = np.nan
    return rows


def _layers(
    steps: NDArray[np.int64], layers: int, start: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """(n, L): a magnitude that changes with depth and falls through training."""
    noise = 1 + 0.1 * random.standard_normal((len(steps), layers), dtype=np.float32)
    falls = np.float32(start) * (0.3 + 0.7 * np.exp(-steps / 2000)).astype(np.float32)
    return falls[:, None] * np.exp(-np.linspace(0, 1, layers, dtype=np.float32)) * noise


def _probe_rows(steps: NDArray[np.int64], layers: int, random: np.random.Generator) -> Rows:
    rows: Rows = {"step": steps, "seconds": steps * 0.05}
    for observable in ("resid_pre", "resid_mid", "resid_post"):
        grown = 1 + np.arange(layers) * (1 - np.exp(-steps / 2000))[:, None]
        noise = 1 + 0.02 * random.standard_normal((len(steps), layers))
        rows[f"activation/rms/{observable}"] = grown * noise
    rows["activation/rms/embed"] = np.full(len(steps), 0.9)
    rows["attention/entropy"] = 3.2 - _layers(steps, layers, 1, random)
    rows["activation/effective_rank/resid_post"] = 40 * (1 - _layers(steps, layers, 0.3, random))
    for name in GROUPS[:-1]:
        rows[f"update_ratio/{name}"] = _layers(steps, layers, 1e-3, random)
    return rows


def main() -> None:
    """Write runs into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=250)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--layers", type=int, default=8)
    given = parser.parse_args()
    made = make(RunStore(given.folder), given.runs, given.steps, given.layers)
    print(f"{len(made)} runs of {given.steps:,} steps in {given.folder}")


if __name__ == "__main__":
    main()
