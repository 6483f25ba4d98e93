"""What is said at which step, and that a cause is named only where it was measured."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config.rough import rough_times
from core.config.units import unit
from core.probes.alarms import ENTROPY, SIMILARITY, Divergence, Plateau, Starvation, uniform_entropy
from core.probes.depth import token_cosine
from core.runs.events import EventLog, append_event
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.conftest import small

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


def test_the_steep_fall_before_the_plateau_is_no_part_of_it():
    """A window whose first steps still fall is not called plateau, whatever its mean."""
    alarm, rng = Plateau(3.3, LETTERS), np.random.default_rng(4)
    gaps = np.concatenate([1.8 * np.exp(-np.arange(40) / 7), np.zeros(200)])
    gaps += rng.normal(0.004, 0.006, len(gaps))
    base = 3.3 + rng.normal(0, 0.06, len(gaps))
    rows = {"step": np.arange(len(gaps)), "loss/train": base + gaps, "loss/unigram": base}
    (event,) = alarm(rows)
    window = gaps[event["step"] - 99 : event["step"] + 1]
    assert window[:10].mean() < 0.1, "its first tenth lies in the band of the plateau"
    assert f"on average {window.mean():.3f} nats above it" in event["text"]
    assert event["step"] < 150


def test_a_mean_that_rounds_to_nothing_is_a_bound():
    base = np.full(100, 3.3)
    rows = {"step": np.arange(100), "loss/train": base, "loss/unigram": base}
    (event,) = Plateau(3.3, LETTERS)(rows)
    assert "on average within 0.001 nats of it" in event["text"]


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


def test_an_alarm_of_a_task_has_the_words_of_its_baseline():
    alarm = Plateau(3.135, unit("token", "answer"), 0.0, 3.2)
    base = np.full(100, 3.135)
    (event,) = alarm({"step": np.arange(100), "loss/train": base, "loss/unigram": base})
    assert "stayed at that of answer frequencies on the same batches" in event["text"]
    assert "the entropy of the answers is 3.135" in event["text"]
    feed(alarm, np.full(60, -3.1), 3.135)
    (event,) = alarm({"step": np.array([160]), "loss/validation": np.array([6.3])}, "evaluation")
    assert event["name"] == "memorised"
    assert "answer frequencies" in event["text"]


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
    assert "about 10 million times smaller than" in starve(0.98, ratio=1 / 10_874_976)


def test_a_starvation_that_passed_is_said_and_may_come_again():
    alarm = Starvation()
    steps = [0, 20, 40, 60, 80]
    assert alarm({"step": np.array(steps)}, "probe") == []
    ratios = np.array([0.001, 0.01, 0.5, 0.6, 0.002])
    queries = np.stack([np.ones(5), ratios], 1)
    rows = {"step": np.array(steps), "grad_norm/attn.v": np.ones((5, 2))}
    found = alarm({**rows, "grad_norm/attn.q": queries})
    assert [(e["step"], e["name"], e["level"]) for e in found] == [
        (0, "starvation", "warning"),
        (40, "starvation_left", "good"),
        (80, "starvation", "warning"),
    ]
    assert "layer 2" in found[1]["text"]
    assert "it is 0.5 of that of the values" in found[1]["text"]


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (3.44, "about 3.4 times"),
        (9.97, "about 10 times"),
        (333.4, "about 330 times"),
        (34_375, "about 34,000 times"),
        (999_999, "about 1 million times"),
        (10_874_976, "about 10 million times"),
        (2.6e9, "about 3 billion times"),
        (9.7e11, "about 1 trillion times"),
        (1e30, "more than 100 trillion times"),
    ],
)
def test_factors_are_said_in_round_numbers(factor, text):
    assert rough_times(factor) == text


def test_token_cosine_is_the_mean_over_pairs():
    x = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    unit_ = x / x.norm(dim=-1, keepdim=True)
    pairs = unit_ @ unit_.mT
    wanted = (pairs.sum((-2, -1)) - 5) / 20
    assert float(token_cosine(x).mean()) == pytest.approx(float(wanted.mean()), abs=1e-6)
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


def test_alarms_are_told_in_the_language_of_who_reads_them(tmp_path: Path):
    [event] = Divergence()({"step": np.array([7]), "loss/train": np.array([np.nan])})
    path = tmp_path / "events.jsonl"
    append_event(path, {"kind": "start", "step": 0})
    append_event(path, event)
    kept = json.loads(path.read_text().splitlines()[1])
    assert kept["text"] == event["text"], "readers without languages have the English text"
    [_, read] = EventLog(path).read()
    assert "said" not in read
    assert read["text"] == "the training loss is not a number: the run diverged and ends here."
    assert read["text"].into("zh") == "训练损失为不是数（NaN）：运行已发散，到此结束。"
