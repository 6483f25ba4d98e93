"""What is said at which step, and that a cause is named only where it was measured."""

import math

import numpy as np
import pytest
import torch
from conftest import small

from core.config.units import unit
from core.probes.alarms import ENTROPY, SIMILARITY, Plateau, Starvation, uniform_entropy
from core.probes.depth import token_cosine
from core.training.control import NullControl
from core.training.trainer import Trainer

LETTERS = unit("character")


def feed(alarm, gaps, entropy=3.3, first=0, noise=0.06):
    """Names and steps of the events; the batches' own losses scatter by `noise`."""
    base = entropy + np.random.default_rng(1).normal(0, noise, len(gaps))
    rows = {
        "step": np.arange(first, first + len(gaps)),
        "loss/train": base + gaps,
        "loss/unigram": base,
    }
    return [(e["name"], e["step"]) for e in alarm(rows)]


def noise(n, size=0.006, seed=0):
    return np.random.default_rng(seed).normal(0, size, n)


@pytest.mark.parametrize("speed", [0.002, 0.005, 0.02])
def test_falling_straight_through_the_plateau_says_nothing(speed):
    n = int(2 / speed)
    assert feed(Plateau(3.3, LETTERS), 0.9 - speed * np.arange(n) + noise(n, 0.02)) == []


def test_the_plateau_begins_and_ends():
    alarm = Plateau(3.3, LETTERS)
    gaps = np.concatenate([np.linspace(0.9, 0, 40), np.zeros(200), np.linspace(0, -0.8, 200)])
    events = feed(alarm, gaps + noise(len(gaps)))
    assert [name for name, _ in events] == ["plateau", "plateau_left"]
    assert 95 < events[0][1] < 180
    assert 240 < events[1][1] < 300


def test_a_text_of_low_entropy_leaves_the_plateau_too():
    """All there is to learn is .06 nats: less than the alarm once asked for."""
    alarm = Plateau(0.06, LETTERS)
    gaps = np.concatenate([np.zeros(150), np.full(100, -0.02)])
    events = feed(alarm, gaps + noise(250, 0.0005), 0.06, noise=0.001)
    assert [name for name, _ in events] == ["plateau", "plateau_left"]
    assert events[1][1] < 200


def test_batches_that_drift_do_not_hide_a_dead_network():
    alarm = Plateau(3.3, LETTERS)
    base = 3.3 + np.linspace(0.1, -0.1, 150)
    rows = {"step": np.arange(150), "loss/train": base + 0.004, "loss/unigram": base}
    assert [e["name"] for e in alarm(rows)] == ["plateau"]


def test_after_a_switch_the_network_is_judged_anew():
    alarm = Plateau(3.3, LETTERS)
    assert feed(alarm, noise(99)) == []
    alarm.forget()
    assert feed(alarm, noise(99), first=99) == []
    assert [name for name, _ in feed(alarm, noise(5), first=198)] == ["plateau"]


def test_memorising_is_said_once_and_with_both_losses():
    alarm = Plateau(2.3, LETTERS, None, 2.31)
    feed(alarm, np.full(60, -1.9), 2.3)
    row = {"step": np.array([60]), "loss/validation": np.array([6.3])}
    (event,) = alarm(row, "evaluation")
    assert event["name"] == "memorised"
    assert "6.300" in event["text"]
    assert "2.310" in event["text"]
    assert alarm(row, "evaluation") == []


def starve(cosine=None, entropy=None, ratio=1e-4, uniform=3.2):
    """The text for a last layer that was probed so; None where nothing is said."""
    alarm = Starvation(uniform)
    probe = {"step": np.array([0])}
    for name, value in ((SIMILARITY, cosine), (ENTROPY, entropy)):
        if value is not None:
            probe[name] = np.array([[0.1, value]])
    assert alarm(probe, "probe") == []
    rows = {"step": np.array([0, 1])}
    rows["grad_norm/attn.v"] = np.ones((2, 2))
    rows["grad_norm/attn.q"] = np.array([[1, ratio], [1, ratio]])
    events = alarm(rows)
    return events[0]["text"] if events else None


def test_tokens_are_called_alike_only_where_they_are():
    alike = starve(0.98, 3.2)
    assert "Its tokens are alike (mean cosine 0.98)" in alike
    differ = starve(0.5, 3.19)
    assert "alike" not in differ
    assert "differ (mean cosine 0.50)" in differ
    assert "scores are small" in differ
    neither = starve(0.04, 1.5)
    assert "scores" not in neither
    assert "alike" not in neither
    unmeasured = starve()
    assert unmeasured.endswith("that of the values.")
    assert starve(0.98, ratio=0.5) is None
    assert "exactly 0" in starve(0.98, ratio=0)


def test_token_cosine_is_the_mean_over_pairs():
    x = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    unit_ = x / x.norm(dim=-1, keepdim=True)
    pairs = unit_ @ unit_.mT
    wanted = (pairs.sum((-2, -1)) - 5) / 20
    assert float(token_cosine(x)) == pytest.approx(float(wanted.mean()), abs=1e-6)
    assert float(token_cosine(torch.ones(1, 4, 3))) == pytest.approx(1, abs=1e-6)
    assert math.isnan(float(token_cosine(torch.ones(1, 1, 3))))


def test_entropy_of_uniform_attention():
    assert uniform_entropy(64, causal=True) == pytest.approx(3.206, abs=0.001)
    assert uniform_entropy(64, causal=False) == pytest.approx(math.log(64))


@pytest.mark.parametrize(
    ("init", "placement", "alike"), [("gpt2", "pre", False), ("xavier", "post", True)]
)
def test_starvation_at_initialisation_names_what_was_measured(store, init, placement, alike):
    run = store.create(
        small(
            model__depth=24 if alike else 6,
            model__width=64,
            model__context=32,
            model__init=init,
            model__placement=placement,
            training__steps=1,
        )
    )
    Trainer(run, NullControl()).train()
    cosine = run.series(SIMILARITY)[1][0, -1]
    assert (cosine > 0.95) == alike
    texts = [e["text"] for e in run.events if e.get("name") == "starvation"]
    assert len(texts) == 1
    assert ("Its tokens are alike" in texts[0]) == alike
    assert f"{cosine:.2f}" in texts[0]
