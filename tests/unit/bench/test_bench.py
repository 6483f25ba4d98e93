"""``python -m core bench``: turns, bounds, a checkout of nanoGPT, and what a record tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core.__main__ import main
from core.bench import bounds, loops, nanogpt
from core.bench.at_once import gains
from core.bench.settings import changed, steps_alone
from core.config import RunConfig
from core.runs import RunStore
from tests.benchmarks import records
from tests.conftest import small

LIKE_NANOGPT = {
    "model__positions": "learned",
    "model__activation": "gelu",
    "model__scaling": "gpt2",
    "model__init": "gpt2",
    "model__tie_embeddings": True,
}


def test_every_loop_takes_as_many_steps_as_the_others() -> None:
    taken: dict[str, list[int]] = {"a": [], "b": []}

    def loop(name: str) -> loops.Loop:
        def take(steps: int) -> float:
            taken[name].append(steps)
            return float(steps)

        return take

    seconds = loops.take_turns({name: loop(name) for name in taken}, 2, 45)
    assert seconds == {"a": [45.0, 45.0], "b": [45.0, 45.0]}
    assert taken["a"] == taken["b"] == [20, 20, 5, 20, 20, 5]


def test_matrix_products_are_those_of_the_network(store: RunStore) -> None:
    trained = loops.trainer(store, small(), 1)
    batch, context, width = 4, 16, 16
    rows, heads = batch * context, 2
    vocabulary = trained.task.corpus.vocabulary
    found = bounds._shapes(trained)
    assert found[0, rows, width, 3 * width] == 2  # qkv of two layers
    assert found[0, rows, width, vocabulary] == 1
    assert found[batch * heads, context, width // heads, context] == 2
    flops = sum(6 * (b or 1) * m * k * n * times for (b, m, k, n), times in found.items())
    hidden = trained.config.model.hidden
    by_hand = 6 * rows * (2 * (4 * width**2 + 2 * width * hidden) + vocabulary * width)
    assert flops == by_hand + 2 * 2 * 6 * batch * heads * context * context * (width // heads)
    assert bounds.matrix_products(trained) > 0


def test_each_instrument_is_measured_and_the_network_stays_as_it_was(store: RunStore) -> None:
    trained = loops.trainer(store, small(), 1)
    before = {n: p.detach().clone() for n, p in trained.state.model.named_parameters()}
    found = bounds.instruments(trained)
    assert {"gradient norms", "trace", "update ratios", "attention maps"} <= set(found)
    assert found["gradient noise scale"].every == 100  # off here: what it would cost
    on = bounds.instruments(loops.trainer(store, small(probes__hessian_every=7), 1))
    assert on["largest Hessian eigenvalue"].every == 7
    assert any(name.startswith("activations") for name in found)
    assert all(one.seconds > 0 for one in found.values())
    assert found["gradient norms"].every == 1
    assert found["trace"].every == 5
    for name, parameter in trained.state.model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None
    assert bounds.instruments(loops.trainer(store, small(probes__every=0), 1)) == {}


CHECKOUT = """
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn import functional as F

@dataclass
class GPTConfig:
    block_size: int = 8
    vocab_size: int = 8
    n_layer: int = 1
    n_head: int = 1
    n_embd: int = 8
    dropout: float = 0.0
    bias: bool = True

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.token = nn.Embedding(config.vocab_size, config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size)

    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        return torch.optim.AdamW(self.parameters(), lr=learning_rate, betas=betas)

    def forward(self, x, y):
        logits = self.head(self.token(x))
        return logits, F.cross_entropy(logits.flatten(0, 1), y.flatten())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like one of nanoGPT, with a network of two layers."""
    (tmp_path / "model.py").write_text(CHECKOUT)
    (tmp_path / "train.py").write_text("")
    return tmp_path


def test_a_checkout_trains_in_a_process_of_its_own(checkout: Path, store: RunStore) -> None:
    config = small(**LIKE_NANOGPT)
    nanogpt.check(checkout, config)
    text = loops.trainer(store, config, 1).task.corpus
    with nanogpt.loop(checkout, config, text, torch.device("cpu"), False) as loop:  # type: ignore[arg-type]
        assert loop(3) > 0
        assert loop(1) > 0


def test_what_is_no_checkout_or_has_no_such_network_is_refused(
    tmp_path: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, settings, words in (
        (tmp_path / "none", LIKE_NANOGPT, "against: .* has no model.py"),
        (checkout, {**LIKE_NANOGPT, "model__placement": "post"}, "model.placement: nanoGPT has no"),
        (checkout, {**LIKE_NANOGPT, "model__positions": "rotary"}, "model.positions: nanoGPT"),
    ):
        with pytest.raises(nanogpt.NoCheckoutError, match=words):
            nanogpt.check(folder, small(**settings))
    assert main(["bench", "--against", str(tmp_path / "none")]) == 2
    assert "against: " in capsys.readouterr().err
    (checkout / "model.py").write_text("raise SystemExit(1)")
    text = type("Text", (), {"training": [0, 1, 2], "vocabulary": 3})()
    with (
        pytest.raises(nanogpt.NoCheckoutError, match="could not train here"),
        nanogpt.loop(checkout, small(**LIKE_NANOGPT), text, torch.device("cpu"), False),
    ):
        pass


@pytest.mark.parametrize("numbers", ["", "1", "0", "two", "2,,4", "65", "2;4", "-2"])
def test_numbers_at_once_are_numbers(numbers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", f"--at-once={numbers}"]) == 2
    assert "at-once" in capsys.readouterr().err


def test_a_gain_is_against_the_better_single_run() -> None:
    measured = {"alone, 1 threads": 80.0, "alone, 2 threads": 100.0, "2 at once": 130.0}
    assert gains(measured) == {"2 at once": 1.3}


def test_settings_that_are_measured_have_no_pauses_in_between() -> None:
    config = steps_alone(RunConfig.from_flat({"optimizer.warmup_steps": 7}), 3)
    assert config.training.steps == 8
    assert (config.training.evaluate_every, config.training.checkpoint_every) == (0, 0)
    assert changed(config, probes__every=0).probes.every == 0


ABOUT = {"hardware": "h", "device": "cpu", "threads": 2, "torch": "2", "python": "3"}


def record(**figures: float) -> records.Record:
    return records.Record("2026-12-01", dict(ABOUT), figures)


def test_what_fell_by_more_than_a_tenth_is_marked(tmp_path: Path) -> None:
    before = record(
        **{"speed_over_plain_loop": 1.0, "probes_over_no_probes": 1.0, "tokens/s, probes": 1000.0}
    )
    now = record(
        **{"speed_over_plain_loop": 0.85, "probes_over_no_probes": 1.2, "tokens/s, probes": 950.0}
    )
    down = records.fallen(before, now)
    assert down == {
        "speed_over_plain_loop": pytest.approx(0.15),
        "probes_over_no_probes": pytest.approx(0.2),
    }
    assert "15% worse than on 2026-12-01" in records.table(before, now)
    slow = record(**{"tokens/s, probes": 500.0})
    assert records.fallen(before, slow) == {"tokens/s, probes": 0.5}
    elsewhere = slow._replace(about={**ABOUT, "hardware": "other"})
    assert records.fallen(before, elsewhere) == {}, "another machine's tokens a second say nothing"
    assert records.newest(tmp_path) is None
    records.keep(now, tmp_path)
    assert records.newest(tmp_path) == now


def test_the_stored_record_is_one_and_names_no_machine() -> None:
    stored = records.newest()
    if stored is None:
        pytest.skip("no record is stored yet")
    text = (records.FOLDER / stored.file).read_text(encoding="utf-8")
    assert json.loads(text) == stored._asdict()
    assert set(stored.about) == set(ABOUT)
    assert stored.figures["speed_over_plain_loop"] > 0
