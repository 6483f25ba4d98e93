"""The shipped presets and sweeps show what their words say, with the seeds 0 to 2.

What decides each claim, in the fewest steps that decide it; ``python -m tests.science.presets``
trains every network of every preset and sweep to its end. Judged is the gap: the mean of loss
minus unigram loss on the same batches, over the last 50 steps. The digits' and the induction
presets have tests of their own (test_families.py, test_induction.py).
"""

from __future__ import annotations

import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor

import pytest

from core import grids, presets
from core.config import RunConfig
from tests.science.presets import SEEDS, Outcome, changed, one_thread, outcome

Networks = dict[tuple[str, int], RunConfig]


def networks() -> Networks:
    """What is trained, by name and seed."""
    found: Networks = {}
    for seed in SEEDS:
        for name, steps in {"pre-ln-lives": 200, "post-ln-dies": 200}.items():
            config = presets.load(name).config
            found[name, seed] = changed(config, training__seed=seed, training__steps=steps)
        for warmup in (0, 200):
            base = grids.load("warm-up-saves-post-ln").base
            found[f"post-LN, warm-up {warmup}", seed] = changed(
                base,
                training__seed=seed,
                model__placement="post",
                training__steps=300,
                optimizer__warmup_steps=warmup,
                optimizer__learning_rate=2e-3,
            )
    return found


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, int], Outcome]:
    """All of them, trained side by side on two processors."""
    chosen = networks()
    spawn = multiprocessing.get_context("spawn")
    places = min(2, os.cpu_count() or 1)
    with ProcessPoolExecutor(places, mp_context=spawn, initializer=one_thread) as pool:
        return dict(zip(chosen, pool.map(outcome, chosen.values()), strict=True))


@pytest.mark.slow
def test_pre_ln_lives_where_post_ln_dies(outcomes: dict[tuple[str, int], Outcome]) -> None:
    for seed in SEEDS:
        assert outcomes["pre-ln-lives", seed].gap < -0.25, seed
        assert outcomes["post-ln-dies", seed].gap > -0.15, seed


@pytest.mark.slow
def test_warm_up_saves_post_ln(outcomes: dict[tuple[str, int], Outcome]) -> None:
    for seed in SEEDS:
        without, with_it = (outcomes[f"post-LN, warm-up {n}", seed] for n in (0, 200))
        assert without.gap > -0.15, seed
        assert with_it.gap < -0.35, seed
        assert with_it.validation < without.validation - 0.2, seed


def test_the_sweeps_hold_as_many_networks_as_they_say() -> None:
    for name in grids.examples():
        grid = grids.load(name)
        said = [int(n) for n in re.findall(r"(\d+) (?:small )?networks", grid.summary)]
        assert said == [len(grid.plan().runs)], name
        if "one seed" in grid.summary:
            assert grids.SEED not in grid.axes


def test_the_warm_up_of_the_sweep_is_the_one_that_is_judged() -> None:
    axes = grids.load("warm-up-saves-post-ln").axes
    assert {0, 200} <= set(axes["optimizer.warmup_steps"])
    assert 2e-3 in axes["optimizer.learning_rate"]
