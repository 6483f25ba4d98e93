"""A cohort's members are the runs that they would be alone, whatever becomes of the others."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from core.config import RunConfig
from core.config.wiring import PLACEMENTS
from core.models import build_model
from core.models.batched import Batched
from core.runs import Run, RunStore
from core.runs.status import Order, State
from core.training.cohort import Cohort, CohortError
from core.training.cohort_rule import alone, differing
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

STEPS = 50
BARE = {"model__placement": "none", "model__norm": "none"}
WIRINGS: list[dict[str, object]] = [
    {},
    {"model__placement": "post", "optimizer__clip": 0.5},
    BARE,
    {"model__placement": "post", "model__scaling": "deepnorm", "training__seed": 3},
    {**BARE, "model__scaling": "rezero", "optimizer__learning_rate": 3e-3},
    {"model__norm": "rms", "optimizer__weight_decay": 0.1},
    {"model__residual": "off", "optimizer__schedule": "cosine", "optimizer__warmup_steps": 5},
]


def settings(**changes: object) -> RunConfig:
    short = {"model__context": 8, "training__steps": STEPS, "training__evaluate_every": 25}
    return small(**{**short, "training__checkpoint_every": 25, "probes__every": 10, **changes})


def together(
    store: RunStore, configs: list[RunConfig], controls: list[NullControl] | None = None
) -> list[Run]:
    runs = [store.create(config) for config in configs]
    Cohort(runs, controls or [NullControl() for _ in runs]).train()
    return runs


def assert_same(run: Run, single: Run) -> None:
    """The same metrics to 1e-4 and the same files."""
    # Softmax does not see what is added to all keys, so their bias has gradients of rounding alone,
    # and Adam makes steps of full length of these: it takes another way in every order of sums.
    noise = ("activation/mean/attn.k", "activation/std/attn.k", "activation/rms/attn.k",
             "activation/kurtosis/attn.k", "activation/max/attn.k")  # fmt: skip
    assert run.status == single.status
    assert run.metrics() == single.metrics()
    for name in single.metrics():
        if name in ("seconds", "tokens_per_second", *noise):
            continue
        (steps, values), (expected_steps, expected) = run.series(name), single.series(name)
        np.testing.assert_array_equal(steps, expected_steps)
        scale = np.abs(expected).max(initial=1e-9, where=np.isfinite(expected))
        np.testing.assert_allclose(
            values, expected, rtol=1e-4, atol=1e-4 * scale + 1e-6, err_msg=name
        )
    assert files(run) == files(single)


def files(run: Run) -> list[str]:
    return sorted(str(one.relative_to(run.path)) for one in run.path.rglob("*"))


def test_members_equal_their_single_runs(tmp_path: Path) -> None:
    configs = [settings(**one) for one in WIRINGS]
    runs = together(RunStore(tmp_path / "together"), configs)
    for config, run in zip(configs, runs, strict=True):
        single = train(RunStore(tmp_path / "alone"), config)
        assert_same(run, single)
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)
        told = [e for e in run.events if e["kind"] == "cohort"]
        assert [(e["members"], e["step"]) for e in told] == [(len(WIRINGS), 0)]
        np.testing.assert_allclose(
            losses(run, "grad_norm/block"), losses(single, "grad_norm/block"), rtol=1e-4
        )


@pytest.mark.parametrize(
    "shared",
    [
        {"model__positions": "rotary", "model__activation": "swiglu", "model__qk_norm": "width"},
        {"model__positions": "alibi", "model__tie_embeddings": True, "model__bias": False},
        {"model__positions": "learned", "model__sublayers": "attention", "model__qk_norm": "head"},
        {"model__sublayers": "feedforward", "model__embedding_norm": True},
    ],
    ids=str,
)
def test_logits_and_gradients_are_each_networks_own(shared: dict[str, object]) -> None:
    several: list[dict[str, object]] = [
        *({"model__placement": one} for one in PLACEMENTS if one != "none"),
        {"model__placement": "post", "model__scaling": "admin"},
        {"model__scaling": "layerscale", "model__norm": "dyt"},
        {"model__scaling": "lns", "model__value_residual": True},
        {"model__overrides": "1: placement=post, scaling=admin; 0: residual=off"},
        {**BARE, "model__scaling": "rezero"},
        BARE,
    ]
    configs = []
    for one in several:
        with contextlib.suppress(ValidationError):  # some can't stand beside what is shared
            configs.append(settings(**shared, **one).model)
    assert len(configs) > 8
    models, twins = [], []
    for seed, config in enumerate(configs):
        for made in (models, twins):
            torch.manual_seed(seed)
            made.append(build_model(config, 20).double())
    tokens = torch.randint(20, (len(models), 3, 8))

    def stacked(parameters: list[torch.nn.Parameter]) -> torch.Tensor:
        return torch.stack(parameters)

    logits = Batched(models, stacked)(tokens)  # type: ignore[arg-type]
    (logits**2).sum().backward()
    for model, twin, own, mine in zip(models, twins, tokens, logits, strict=True):
        expected = twin(own)
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-9)
        (expected**2).sum().backward()
        for (name, one), other in zip(model.named_parameters(), twin.parameters(), strict=True):
            size = float(other.grad.abs().max())
            torch.testing.assert_close(
                one.grad, other.grad, rtol=1e-9, atol=1e-9 * size + 1e-9, msg=name
            )


def test_one_that_diverges_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    configs = [settings(**one) for one in ({}, BARE, {"model__placement": "post"})]
    store = RunStore(tmp_path / "together")
    runs = [store.create(config) for config in configs]
    cohort = Cohort(runs, [NullControl() for _ in runs])
    with torch.no_grad():
        next(cohort.members[1].trainer.state.model.parameters()).fill_(torch.inf)
    cohort.train()
    assert [run.status for run in runs] == ["finished", "diverged", "finished"]
    for config, run in zip((configs[0], configs[2]), (runs[0], runs[2]), strict=True):
        assert_same(run, train(RunStore(tmp_path / "alone"), config))
    assert any(e["kind"] == "alarm" for e in runs[1].events)


def test_one_is_stopped_and_goes_on_alone(tmp_path: Path) -> None:
    configs = [settings(training__seed=seed) for seed in (0, 1, 2)]
    controls: list[NullControl] = [NullControl(), Script({20: "stop"}), NullControl()]
    runs = together(RunStore(tmp_path / "together"), configs, controls)
    assert [run.status for run in runs] == ["finished", "stopped", "finished"]
    assert runs[1].record.step == 20
    assert runs[1].checkpoints[-1] == 20
    Trainer(runs[1], NullControl()).train()
    for config, run in zip(configs, runs, strict=True):
        single = train(RunStore(tmp_path / "alone"), config)
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)
        np.testing.assert_allclose(
            losses(run, "loss/validation"), losses(single, "loss/validation"), rtol=1e-4
        )


def test_a_checkpoint_that_they_wrote_goes_on_together(tmp_path: Path) -> None:
    configs = [settings(), settings(model__placement="post")]
    runs = together(RunStore(tmp_path / "a"), configs, [Script({30: "stop"}), Script({20: "stop"})])
    assert [run.record.step for run in runs] == [30, 20]
    Cohort(runs, [NullControl(), NullControl()]).train()
    for config, run in zip(configs, runs, strict=True):
        assert run.status == "finished"
        single = train(RunStore(tmp_path / "b"), config)
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)


def test_one_pauses_steps_once_and_goes_on(tmp_path: Path) -> None:
    configs = [settings(), settings(training__seed=1), settings(model__norm="rms")]
    orders = {10: "pause", 14: "step", 20: "resume"}
    controls: list[NullControl] = [NullControl(), Script(orders), NullControl()]
    runs = together(RunStore(tmp_path / "together"), configs, controls)
    for config, run in zip(configs, runs, strict=True):
        single = train(RunStore(tmp_path / "alone"), config)
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)
        assert run.status == "finished"
    assert 10 in runs[1].checkpoints
    # While it stood still the others were a batch of two; it does the last steps alone.
    assert {e["members"] for e in runs[0].events if e["kind"] == "cohort"} == {2, 3}
    assert [e["members"] for e in runs[1].events if e["kind"] == "cohort"][-1] == 1


def test_one_switches_its_layers(tmp_path: Path) -> None:
    configs = [
        settings(),
        settings(training__seed=1, training__switches="20/0: residual=off"),
        settings(training__seed=2),
    ]
    by_hand = Script({15: Order("switch", "1: placement=post")})
    controls: list[NullControl] = [NullControl(), NullControl(), by_hand]
    runs = together(RunStore(tmp_path / "together"), configs, controls)
    for config, run in zip(configs, runs, strict=True):
        script = Script({15: Order("switch", "1: placement=post")}) if run is runs[2] else None
        single = train(RunStore(tmp_path / "alone"), config, script)
        np.testing.assert_allclose(losses(run), losses(single), rtol=1e-4)
        assert [(e["step"], e["text"]) for e in run.events if e["kind"] == "switch"] == [
            (e["step"], e["text"]) for e in single.events if e["kind"] == "switch"
        ]


def test_one_that_fails_fails_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    runs = [store.create(settings(training__seed=seed)) for seed in (0, 1, 2)]
    (runs[0].path / "corpus.json").write_text('{"schema": 1, "sha256": "another"}')
    (runs[2].path / "checkpoints").rmdir()
    (runs[2].path / "checkpoints").write_text("no folder")
    told: dict[str, tuple[State | None, Exception | None]] = {}
    Cohort(
        runs,
        [NullControl() for _ in runs],
        lambda run, state, error, step: told.update({run.id: (state, error)}),
    ).train()
    assert told[runs[1].id] == ("finished", None)
    for failed in (runs[0], runs[2]):
        state, error = told[failed.id]
        assert state is None
        assert error is not None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no"), RuntimeError("another one")])
def test_what_stops_the_batch_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    called = 0
    plain = Batched.__call__

    def fails(self: Batched, tokens: torch.Tensor) -> torch.Tensor:
        nonlocal called
        called += 1
        if called == 11:
            raise error
        return plain(self, tokens)

    monkeypatch.setattr(Batched, "__call__", fails)
    # Without ReLU, whose gradient jumps where rounding moves a hidden unit across 0.
    smooth = {"training__steps": 20, "model__activation": "gelu"}
    configs = [settings(**smooth), settings(**smooth, training__seed=1)]
    for config, run in zip(configs, together(RunStore(tmp_path / "a"), configs), strict=True):
        assert [(e["step"], e["members"]) for e in run.events if e["kind"] == "cohort"] == [
            (0, 2),
            (10, 1),
        ]
        assert_same(run, train(RunStore(tmp_path / "b"), config))


def test_accumulated_parts_and_targets_that_do_not_count(tmp_path: Path) -> None:
    shared = {"training__accumulate": 2, "data__corpus": "copy", "training__steps": 20}
    configs = [settings(**shared), settings(**shared, model__placement="post")]
    for config, run in zip(configs, together(RunStore(tmp_path / "a"), configs), strict=True):
        assert_same(run, train(RunStore(tmp_path / "b"), config))


def test_what_trains_by_itself_is_told() -> None:
    assert "dropout" in alone(settings(model__dropout=0.1))
    assert "recompute" in alone(settings(training__recompute=True))
    assert "family" in alone(RunConfig.from_flat({"model.family": "mlp"}))
    assert alone(settings()) == ""
    assert "model.width" in differing([settings(), settings(model__width=32)])
    assert differing([settings(**one) for one in WIRINGS]) == ""


def test_runs_of_other_shapes_are_refused(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    runs = [store.create(settings()), store.create(settings(model__depth=3))]
    with pytest.raises(CohortError, match=r"model\.depth"):
        Cohort(runs, [NullControl(), NullControl()])
