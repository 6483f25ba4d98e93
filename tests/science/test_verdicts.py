"""Verdicts and alarms on real runs whose truth is known from how their text was made.

Each is trained to an end that the rule of `core.verdicts.judgement` must tell from its
losses alone; what the network really learned is measured beside it. The rule itself is tried on
constructed series in test_judgement.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import presets
from core.config import RunConfig
from core.runs import Run, RunStore
from core.runs.status import Order
from core.training.control import NullControl
from core.training.trainer import Trainer
from core.verdicts.verdict import WINDOW, Verdict, judge
from tests.conftest import small

pytestmark = pytest.mark.slow

LENGTH = 40_000  # letters, so many that none of these networks can know them by heart
# Without residual connections nothing of the input reaches the last of so many layers.
DEAD = {
    "model__depth": 12,
    "model__residual": "off",
    "model__placement": "post",
    "model__context": 8,
    "training__steps": 400,
    "optimizer__learning_rate": 3e-3,
}


class StopAt(NullControl):
    """Stops the run once, at that step."""

    def __init__(self, step: int) -> None:
        super().__init__(1)
        self._left = step

    def commands(self) -> list[Order]:
        self._left -= 1
        return [Order("stop")] if self._left == -1 else []


def chain(path: Path, p: np.ndarray, stay: np.ndarray) -> tuple[Path, float]:
    """A text in which letter i is repeated with probability stay[i], else drawn from p; its
    entropy rate in nats. p and stay are (V,)."""
    rng = np.random.default_rng(0)
    move = np.diag(stay) + (1 - stay)[:, None] * p  # (V, V), rows sum to 1
    last, letters = 0, []
    for _ in range(LENGTH):
        last = int(rng.choice(len(p), p=move[last]))
        letters.append(last)
    path.write_text("".join(chr(ord("a") + i) for i in letters), "utf-8")
    seen = np.bincount(letters, minlength=len(p)) / LENGTH
    rows = -(move * np.log(move)).sum(1)
    return path, float(seen @ rows)


def train(store: RunStore, text: Path | None = None, **changes: object) -> Run:
    own = {"data__corpus": "file", "data__path": str(text)} if text else {}
    plain = {"training__evaluate_every": 0, "training__checkpoint_every": 0, "probes__every": 0}
    run = store.create(small(**{**plain, **own, **changes}))
    Trainer(run, NullControl()).train()
    return run


def last(run: Run) -> float:
    """The mean of its last training losses."""
    return float(run.series("loss/train")[1][-WINDOW:].mean())


def alarms(run: Run) -> list[str]:
    return [e["name"] for e in run.events if e["kind"] == "alarm"]


def told(verdict: Verdict, name: str) -> tuple[str, str]:
    return verdict.kind, verdict.sentence.removeprefix(name)


def test_a_slow_learner_a_few_hundredths_below_the_plateau_has_learned_a_little(
    store: RunStore, tmp_path: Path
) -> None:
    text, _ = chain(tmp_path / "text.txt", np.full(16, 1 / 16), np.full(16, 0.4))
    run = train(
        store,
        text,
        model__init="gpt2",
        training__steps=200,
        training__batch_size=16,
        optimizer__learning_rate=3e-5,
    )
    found = judge(run)
    assert -0.1 < found.gap < -0.02
    assert found.kind == "learned"
    assert "only a little so far" in found.sentence


@pytest.mark.parametrize("dead", [False, True])
def test_a_text_of_low_entropy(store: RunStore, tmp_path: Path, dead: bool) -> None:
    """Less can be learned than the 0.1 nats that a verdict once asked for."""
    p = np.array([0.995, 0.005])
    text, _ = chain(tmp_path / "text.txt", p, np.array([0.0, 0.6]))
    changes = {**DEAD, "model__context": 32} if dead else {"training__steps": 300}
    run = train(
        store,
        text,
        **{"training__batch_size": 16, "optimizer__learning_rate": 3e-3, **changes},
    )
    found = judge(run)
    assert run.corpus["unigram_entropy"] < 0.1
    assert found.kind == ("plateau" if dead else "learned")
    assert alarms(run).count("plateau") == (1 if dead else alarms(run).count("plateau_left"))


def test_a_markov_text_learned_to_its_entropy_rate(store: RunStore, tmp_path: Path) -> None:
    text, rate = chain(tmp_path / "text.txt", np.full(8, 1 / 8), np.full(8, 0.11))
    run = train(
        store,
        text,
        training__steps=400,
        training__batch_size=32,
        optimizer__learning_rate=3e-3,
    )
    found = judge(run)
    assert 0.02 < run.corpus["unigram_entropy"] - rate < 0.06
    assert last(run) == pytest.approx(rate, abs=0.02), "there is no more to learn"
    assert found.kind == "learned"
    assert alarms(run).count("plateau") == alarms(run).count("plateau_left")


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_dead_network_at_a_batch_of_a_few_letters(
    store: RunStore, tmp_path: Path, batch: int, seed: int
) -> None:
    """Its raw loss scatters by several tenths of a nat about the plateau."""
    p = np.random.default_rng(1).dirichlet(np.full(20, 1.0))
    text, _ = chain(tmp_path / "text.txt", p, np.full(20, 0.4))
    run = train(store, text, **DEAD, training__batch_size=batch, training__seed=seed)
    found = judge(run)
    assert found.kind == "plateau"
    assert alarms(run).count("plateau") == 1
    assert "plateau_left" not in alarms(run)


def test_random_digits_are_memorised(store: RunStore, tmp_path: Path) -> None:
    """Digits drawn by chance say nothing of others; the training loss falls all the same."""
    digits = np.random.default_rng(0).integers(0, 10, 500)
    text = tmp_path / "digits.txt"
    text.write_text("".join(map(str, digits)), "utf-8")
    run = train(
        store,
        text,
        model__width=64,
        model__context=32,
        training__steps=300,
        training__batch_size=16,
        training__evaluate_every=50,
        optimizer__learning_rate=3e-3,
    )
    found = judge(run)
    assert last(run) < 1.2
    assert found.kind == "memorised"
    assert "uses its input" not in found.sentence
    assert alarms(run).count("memorised") == 1


def test_one_layer_of_attention_on_repeat_has_learned(store: RunStore) -> None:
    """It can't look up what followed, but which tokens occur again it can tell."""
    config = presets.load("induction-one-layer").config.flat()
    short = {"training.steps": 250, "training.device": "cpu", "training.threads": 1,
             "probes.every": 0, "training.checkpoint_every": 0}  # fmt: skip
    run = store.create(RunConfig.from_flat({**config, **short}))
    Trainer(run, NullControl()).train()
    found = judge(run)
    assert last(run) > run.corpus["floor"] + 1
    assert found.kind == "learned"
    assert found.gap < -0.3
    assert "memorised" not in alarms(run)


@pytest.mark.parametrize(
    ("preset", "kind"), [("mlp-digits", "learned"), ("mlp-digits-plain", "plateau")]
)
def test_feed_forward_networks_on_digits(store: RunStore, preset: str, kind: str) -> None:
    config = presets.load(preset).config.flat()
    short = {"training.device": "cpu", "training.threads": 1, "training.checkpoint_every": 0,
             "probes.every": 0}  # fmt: skip
    run = store.create(RunConfig.from_flat({**config, **short}))
    Trainer(run, NullControl()).train()
    found = judge(run)
    assert found.kind == kind
    share = run.series("accuracy/validation")[1][-1]
    assert share > 0.8 if kind == "learned" else share < 0.2


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A dead run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    p = np.random.default_rng(1).dirichlet(np.full(20, 1.0))
    text, _ = chain(folder / "text.txt", p, np.full(20, 0.4))
    same = {**DEAD, "training__batch_size": 2, "training__steps": 260}
    return train(RunStore(folder / "runs"), text, **same)


@pytest.mark.parametrize("stop", [60, 230])
def test_a_resumed_run_is_judged_as_the_uninterrupted_one(
    store: RunStore, whole: Run, stop: int
) -> None:
    """Before and after the plateau's alarm."""
    run = store.create(small(**whole_settings(whole)))
    Trainer(run, StopAt(stop)).train()
    assert (run.status, run.record.step) == ("stopped", stop)
    Trainer(run, NullControl()).train()
    assert told(judge(run), run.name) == told(judge(whole), whole.name)
    events = [[(e["name"], e["step"], e["text"]) for e in r.events if e["kind"] == "alarm"]
              for r in (run, whole)]  # fmt: skip
    assert events[0] == events[1]
    assert [name for name, *_ in events[0]] == ["plateau"]


def whole_settings(run: Run) -> dict[str, object]:
    """Its settings, as `small` takes them."""
    return {name.replace(".", "__"): value for name, value in run.config.flat().items()}
