"""Members of the zoo under the trainer: profiling, exact resumes, and what a run then lacks."""

import numpy as np
import pytest

from core.models import build_model
from core.runs import RunStore
from core.training import checkpoints
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

ADMIN = {"model__placement": "post", "model__scaling": "admin"}
ZOO = [
    {},
    ADMIN,
    {"model__placement": "none", "model__norm": "none", "model__scaling": "rezero"},
    {"model__placement": "hybrid", "model__norm": "dyt", "model__value_residual": True},
    {"model__overrides": "0: placement=post, scaling=admin", "model__positions": "alibi"},
]


@pytest.mark.parametrize("settings", ZOO, ids=str)
def test_resumes_exactly(store: RunStore, settings: dict[str, object]) -> None:
    config = small(**settings, training__steps=20)
    whole = losses(train(store, config))
    for stop_after in (0, 13):
        run = train(store, config, Script({stop_after: "stop"}))
        assert run.record.step == stop_after
        Trainer(run, NullControl()).train()
        np.testing.assert_array_equal(losses(run), whole)


def test_omega_is_measured_once_and_kept(store: RunStore) -> None:
    run = train(store, small(training__steps=3, training__checkpoint_every=1, **ADMIN))
    vocabulary = run.corpus["vocabulary"]
    model = build_model(run.config.model, vocabulary)
    checkpoints.load_weights(run.path / "checkpoints", 1, model)
    first, last = model.blocks[0].attn.skip.omega, model.blocks[-1].mlp.skip.omega
    assert first.mean().item() == pytest.approx(1, abs=0.01)  # and one update
    assert last.mean().item() > 1.2


@pytest.mark.parametrize(
    ("sublayers", "absent", "present"),
    [("attention", "mlp", "attn.q"), ("feedforward", "attn", "mlp.in")],
)
def test_an_absent_sublayer_is_absent_everywhere(
    store: RunStore, sublayers: str, absent: str, present: str
) -> None:
    run = train(store, small(model__sublayers=sublayers))
    names = run.metrics()
    assert run.status == "finished"
    assert names[f"grad_norm/{present}"] == 2
    assert not [n for n in names if n.split("/")[-1].startswith(f"{absent}.")]
    assert bool(run.snapshots.steps) == (sublayers == "attention")


def test_two_way_attention_is_kept_whole(store: RunStore) -> None:
    run = train(store, small(model__causal=False, training__steps=2))
    pattern = run.snapshots.pattern(0).astype(np.float32)
    assert pattern.shape == (2, 2, 16, 16)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-2)
    assert (pattern > 0).all()


def test_scales_have_a_group_of_their_own(store: RunStore) -> None:
    run = train(store, small(model__placement="none", model__norm="none", model__scaling="rezero"))
    assert run.metrics()["grad_norm/scale"] == 2
    inside = run.series("grad_norm/attn.o")[1][0]
    assert not inside.any(), "at step 0 every gradient in a branch is exactly 0"
    assert run.series("grad_norm/scale")[1][0].all()
    assert run.series("grad_norm/attn.o")[1][2].all()
