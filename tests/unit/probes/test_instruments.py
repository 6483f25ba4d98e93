"""The gradient noise scale and the Hessian against plain writings, and their place in a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.config import RunConfig
from core.metrics import names
from core.probes.hessian import largest_eigenvalue, product
from core.probes.instruments import INSTRUMENTS, instruments
from core.probes.noise import noise_scale
from core.runs import RunStore
from core.runs.budget import NOISE_BATCHES
from core.training import budget as budgets
from core.training.control import NullControl
from core.training.hooks.instruments import BEYOND
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train


def test_the_noise_scale_of_known_gradients() -> None:
    random = np.random.default_rng(0)
    mean, deviation, parts, examples = random.normal(size=400), 3.0, 4000, 5
    drawn = mean + deviation / examples**0.5 * random.normal(size=(parts, 400))
    found = noise_scale(((torch.tensor(g),) for g in drawn), examples)
    variance, signal = 400 * deviation**2, (mean**2).sum()
    assert float(found["gradient_noise/variance"]) == pytest.approx(variance, rel=0.02)
    assert float(found["gradient_noise/signal"]) == pytest.approx(signal, rel=0.02)
    assert float(found["gradient_noise/scale"]) == pytest.approx(variance / signal, rel=0.03)


def test_noise_that_hides_the_gradient_has_no_scale() -> None:
    found = noise_scale([[torch.ones(3)], [-torch.ones(3)]], 1)
    assert found["gradient_noise/scale"].isnan()
    assert float(found["gradient_noise/signal"]) == pytest.approx(-3)
    with pytest.raises(ValueError, match="two parts"):
        noise_scale([[torch.ones(3)]], 1)


@pytest.mark.parametrize("seed", range(4))
def test_lanczos_finds_the_largest_eigenvalue(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    a = torch.randn(60, 60, generator=random, dtype=torch.float64)
    symmetric = (a + a.mT) / 2 - 4 * torch.eye(60)
    start = torch.randn(60, generator=random, dtype=torch.float64)
    found = largest_eigenvalue(lambda v: symmetric @ v, start, rounds=60, good=1e-9)
    assert float(found) == pytest.approx(float(torch.linalg.eigvalsh(symmetric)[-1]), rel=1e-7)


def test_a_zero_or_odd_hessian() -> None:
    start = torch.randn(5)
    assert float(largest_eigenvalue(lambda v: 0 * v, start)) == 0
    assert largest_eigenvalue(lambda v: v * torch.nan, start).isnan()


ON = {"probes__noise_every": 4, "probes__hessian_every": 6}
KINDS = [
    {},
    {"model__placement": "post", "model__norm": "rms", "model__activation": "swiglu",
     "model__dropout": 0.2},
    {"model__norm": "dyt", "model__scaling": "layerscale", "model__positions": "alibi",
     "training__recompute": True},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=["pre", "post", "dyt"])
def test_instruments_measure_and_change_no_number(store: RunStore, kind: dict) -> None:
    short = {"training__steps": 13, "training__evaluate_every": 0, **kind}
    on, off = train(store, small(**short, **ON)), train(store, small(**short))
    np.testing.assert_array_equal(losses(on), losses(off))
    np.testing.assert_array_equal(losses(on, "grad_norm/block"), losses(off, "grad_norm/block"))
    steps, variance = on.series("gradient_noise/variance")
    assert steps.tolist() == [0, 4, 8, 12]
    assert (variance > 0).all()
    steps, largest = on.series("hessian/largest")
    assert steps.tolist() == [0, 6, 12]
    assert np.isfinite(largest).all()
    np.testing.assert_allclose(
        losses(on, "hessian/stable")[0], 2 / losses(on, "learning_rate")[0], rtol=1e-6
    )
    assert on.holes == {}
    assert not any(name.startswith(("gradient_noise", "hessian")) for name in off.metrics())


def test_both_are_those_of_the_whole_hessian_and_of_every_example(store: RunStore) -> None:
    tiny = {
        **{"model__width": 4, "model__heads": 1, "model__depth": 1, "model__context": 4},
        **{"model__feedforward_width": 4, "training__steps": 1, "training__evaluate_every": 0},
    }
    trainer = Trainer(store.create(small(**tiny, **ON)), NullControl())
    model, task = trainer.state.model, trainer.task
    model.eval()
    parameters = list(model.parameters())

    def gradient(step: int, part: slice) -> torch.Tensor:
        batch = task.batch(step)
        loss = task.loss(model(batch.inputs[part]), batch.targets[part])
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]).double()

    one = torch.stack(
        [gradient(BEYOND + i, slice(k, k + 1)) for i in range(NOISE_BATCHES) for k in range(4)]
    )
    mean = one.mean(0)
    variance = ((one - mean) ** 2).sum() / (len(one) - 1)
    signal = (mean**2).sum() - variance / len(one)
    batch = task.batch(0)
    loss = task.loss(model(batch.inputs, lambda name, x: x), batch.targets)
    times = product(loss, parameters)
    many = sum(p.numel() for p in parameters)
    whole = torch.stack([times(row) for row in torch.eye(many)]).double()
    torch.testing.assert_close(whole, whole.mT, rtol=1e-3, atol=1e-5)
    expected = torch.linalg.eigvalsh((whole + whole.mT) / 2)[-1]
    model.train()
    trainer.train()
    run = trainer.run
    assert losses(run, "gradient_noise/variance")[0] == pytest.approx(float(variance), rel=1e-4)
    assert losses(run, "gradient_noise/signal")[0] == pytest.approx(float(signal), rel=1e-3)
    assert losses(run, "hessian/largest")[0] == pytest.approx(float(expected), rel=2e-2)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that judges at once, and that everything exceeds."""
    for name, value in (("STEPS", 8), ("SECONDS", 0.0), ("TIMES", 1)):
        monkeypatch.setattr(budgets, name, value)


LONG = {"training__steps": 60, "training__evaluate_every": 0, "probes__every": 2,
        "probes__budget": 0.01}  # fmt: skip


@pytest.mark.usefixtures("impatient")
def test_probes_beyond_their_budget_come_at_doubled_intervals(store: RunStore) -> None:
    run, free = train(store, small(**LONG)), train(store, small(**{**LONG, "probes__budget": 0}))
    np.testing.assert_array_equal(losses(run), losses(free))
    assert free.series("attention/entropy")[0].tolist() == list(range(0, 60, 2))
    steps = run.series("attention/entropy")[0]
    assert steps.tolist() == [0, 2, 4, 6, 8, 16]
    notes = [e for e in run.events if e.get("name") == "probe_budget"]
    assert [(e["step"], e["probe_stretch"]) for e in notes] == [(8, 8), (16, 64)]
    assert "every 16 steps" in notes[0]["text"]
    assert {(e["kind"], e["level"]) for e in notes} == {("alarm", "note")}
    assert run.holes == {}
    assert run.snapshots.steps == [*steps.tolist(), 60]


@pytest.mark.usefixtures("impatient")
def test_a_resumed_run_goes_on_with_its_intervals(store: RunStore) -> None:
    run = train(store, small(**LONG, training__checkpoint_every=0), Script({12: "stop"}))
    Trainer(run, NullControl()).train()
    # Without what its events say it would probe at 12 and 14.
    assert run.series("attention/entropy")[0].tolist() == [0, 2, 4, 6, 8, 16, 32]


def test_short_runs_keep_their_intervals(store: RunStore) -> None:
    run = train(store, small(**{**LONG, "probes__budget": 0.01}))
    assert run.series("attention/entropy")[0].tolist() == list(range(0, 60, 2))


def test_each_instrument_can_be_switched_on_alone() -> None:
    for config in (RunConfig(), RunConfig.from_flat({"model.family": "resnet",
                                                     "data.corpus": "digits"})):  # fmt: skip
        found = instruments(config)
        assert set(found) <= {one.name for one in INSTRUMENTS}
        assert found["noise"].probes.noise_every > 0 == found["noise"].probes.hessian_every
        assert found["hessian"].probes.hessian_every > 0
        assert found["statistics"].probes.every == config.probes.every
        assert all(one.probes.budget == 0 for one in found.values())
    assert "attention" not in instruments(config)


def test_their_metrics_have_titles_and_units() -> None:
    for name in ("gradient_noise/scale", "gradient_noise/variance", "hessian/largest"):
        assert names.title_of(name) != name
        assert names.unit_of(name) != name
