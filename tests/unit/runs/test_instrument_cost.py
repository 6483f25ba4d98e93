"""What instruments with gradients of their own add to a run's expected time."""

import pytest

from core import durations
from core.config import RunConfig
from core.probes.hessian import ROUNDS
from core.runs.budget import EXAMPLES, NOISE_BATCHES, PRODUCTS, instrument_steps
from dashboard.ui import cost

LONG = {"training.steps": 2000, "probes.budget": 0.0}


def made(**settings: object) -> RunConfig:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return RunConfig.from_flat({**RunConfig().flat(), **LONG, **named})


def test_the_hessian_is_thought_to_take_as_many_products_as_it_may():
    assert PRODUCTS == ROUNDS


def test_each_measurement_counts_once_from_where_the_run_starts():
    assert instrument_steps(made()) == 0
    assert instrument_steps(made(probes__noise_every=100)) == 20 * NOISE_BATCHES
    assert instrument_steps(made(probes__noise_every=100), first=1901) == 0
    assert instrument_steps(made(probes__noise_every=10**8)) == NOISE_BATCHES
    assert instrument_steps(made(probes__noise_every=100, probes__every=0)) == 0


def test_the_hessian_costs_dozens_of_steps_of_a_small_batch_and_less_of_a_large_one():
    few = instrument_steps(made(probes__hessian_every=2000, training__batch_size=4))
    many = instrument_steps(made(probes__hessian_every=2000, training__batch_size=4 * EXAMPLES))
    assert 24 <= few <= 60
    assert many == pytest.approx(few / 4)


def test_a_budget_ends_what_costs_more():
    free = made(probes__hessian_every=10)
    kept = made(probes__hessian_every=10, probes__budget=5.0)
    assert instrument_steps(kept, seconds=1.0) < instrument_steps(free, seconds=1.0) / 2
    short = {"training__steps": 400, "probes__hessian_every": 10}
    assert instrument_steps(made(**short, probes__budget=5.0)) == instrument_steps(made(**short))


def test_the_price_says_so():
    plain, measured = made(), made(probes__hessian_every=50)
    ratio = durations.run_seconds(measured, 64, 1, None) / durations.run_seconds(plain, 64, 1, None)
    assert ratio == pytest.approx(1 + instrument_steps(measured) / 2000)
    assert cost.duration(measured, 64, None) != cost.duration(plain, 64, None)
