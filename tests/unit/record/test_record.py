"""A loop that this lab did not write: what it says and what its network does becomes a run."""

import argparse
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core import record
from core.catalogue.index import of_run
from core.jobs import control
from core.probes.activations import statistics
from core.record.watching import layers_of
from core.runs import Run, RunError, RunStore, read_only


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.linear(self.norm(x)))


class Network(nn.Module):
    """Three equal blocks between a first and a last matrix."""

    def __init__(self, depth: int = 3, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.last = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)


def train(network: nn.Module, steps: int, each=lambda step, loss: None, before=lambda step: None):
    """A plain loop; returns its losses and gradients by step."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    losses, gradients = [], []
    for step in range(steps):
        before(step)
        x = torch.randn(16, 4, 2)
        loss = (network(x) - x.sum(-1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        gradients.append([p.grad.clone() for p in network.parameters()])
        optimizer.step()
        losses.append(loss.item())
        each(step, loss)
    return losses, gradients


def made(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return Network()


def test_what_is_logged_is_read_back(tmp_path: Path) -> None:
    with record.Recording("mine", {"lr": 0.05}, runs=tmp_path, steps=30) as one:
        losses, _ = train(made(), 30, lambda step, loss: one.log(loss=loss, lr=0.05, own=step))
    run = Run(one.run.path)
    assert run.status == "finished"
    assert run.record.step == 30
    steps, values = run.series("loss/train")
    assert steps.tolist() == list(range(30))
    assert np.array_equal(values, np.float32(losses))
    assert run.series("own")[1].tolist() == list(range(30))
    assert set(run.metrics()) == {"loss/train", "learning_rate", "own"}


def test_gradients_and_activations_are_those_of_the_network(tmp_path: Path) -> None:
    network, outputs = made(), []
    network.blocks[1].register_forward_hook(lambda m, i, out: outputs.append(out.detach().clone()))
    one = record.Recording("seen", runs=tmp_path).watch(network, every=5)
    _, gradients = train(network, 12, lambda step, loss: one.log(loss=loss))
    one.finish()
    steps, norms = one.run.series("grad_norm/block")
    assert steps.tolist() == list(range(12))
    assert norms.shape == (12, 3)
    names = [name for name, _ in network.named_parameters()]
    for layer in range(3):
        own = [at for at, name in enumerate(names) if name.startswith(f"blocks.{layer}.")]
        for step in (0, 11):
            flat = torch.cat([gradients[step][at].flatten() for at in own])
            assert norms[step, layer] == pytest.approx(float(flat.norm()), rel=1e-5)
    whole = torch.cat([g.flatten() for g in gradients[3]])
    assert one.run.series("grad_norm/total")[1][3] == pytest.approx(float(whole.norm()), rel=1e-5)
    steps, rms = one.run.series("activation/rms/layer.out")
    assert steps.tolist() == [0, 5, 10]
    for row, step in enumerate(steps):
        expected = statistics({"x": outputs[step]})["activation/rms/x"]
        assert rms[row, 1] == pytest.approx(float(expected), rel=1e-6)
    assert one.run.origin["layers"] == ["blocks.0", "blocks.1", "blocks.2"]


def test_watching_changes_no_number(tmp_path: Path) -> None:
    alone, _ = train(made(), 20)
    network = made()
    one = record.Recording("watched", runs=tmp_path).watch(network, every=1)
    watched, _ = train(network, 20, lambda step, loss: one.log(loss=loss))
    one.finish()
    assert watched == alone
    after, _ = train(network, 2)
    assert one.run.series("grad_norm/total")[0].tolist() == list(range(20))
    assert after


def test_a_loop_that_says_its_steps_has_its_gradients_there(tmp_path: Path) -> None:
    """As after a resume, which goes on at step 1000."""
    network = made()
    one = record.Recording("resumed", runs=tmp_path).watch(network, every=0)
    train(
        network, 6, lambda step, loss: one.log(step=1000 + step, loss=loss) if step % 3 == 0 else 0
    )
    one.finish()
    assert one.run.series("grad_norm/total")[0].tolist() == list(range(1000, 1006))
    assert one.run.series("loss/train")[0].tolist() == [1000, 1003]
    assert one.run.record.step == 1006


def test_it_can_be_watched_while_it_is_recorded(tmp_path: Path) -> None:
    one = record.Recording("live", runs=tmp_path)
    seen = RunStore(tmp_path).open(one.run.id)
    for step in range(5):
        one.log(loss=1.0, step=step)
        one.flush()
        assert seen.series("loss/train")[0].tolist() == list(range(step + 1))
        assert (seen.status, seen.record.step) == ("running", step + 1)
    one.log(late=1.0, step=5)
    one.flush()
    assert seen.series("late")[0].tolist() == [5]
    one.finish()
    assert seen.status == "finished"


def test_a_step_that_is_logged_again_takes_the_place_of_what_followed(tmp_path: Path) -> None:
    one = record.Recording("back", runs=tmp_path)
    for step in range(10):
        one.log(step=step, loss=float(step))
    one.flush()
    for step in (5, 6):
        one.log(step=step, loss=-1.0)
    one.finish()
    steps, values = one.run.series("loss/train")
    assert steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert values.tolist()[-3:] == [4, -1, -1]


def test_each_metric_has_only_the_steps_at_which_it_was_logged(tmp_path: Path) -> None:
    one = record.Recording("sparse", runs=tmp_path)
    for step in range(10):
        one.log(step=step, loss=1.0)
        if step % 4 == 0:
            one.log({"val/loss": 2.0, "layers": [1.0, 2.0, float(step)]}, step=step)
    one.finish()
    assert one.run.series("loss/validation")[0].tolist() == [0, 4, 8]
    assert one.run.series("layers")[1].shape == (3, 3)
    assert one.run.holes == {}


@dataclass
class Settings:
    lr: float = 0.001
    depth: int = 3


@pytest.mark.parametrize(
    "given",
    [
        {"lr": 0.001, "depth": 3},
        Settings(),
        argparse.Namespace(lr=0.001, depth=3),
    ],
)
def test_settings_come_as_people_have_them(given: object, tmp_path: Path) -> None:
    one = record.Recording("set", given, runs=tmp_path)
    one.finish()
    assert of_run(one.run).own == {"lr": 0.001, "depth": 3}


def test_what_can_not_be_logged_is_refused_in_a_sentence(tmp_path: Path) -> None:
    one = record.Recording("wrong", runs=tmp_path)
    with pytest.raises(ValueError, match="loss: 'low' is no number"):
        one.log(loss="low")
    with pytest.raises(ValueError, match="the shape"):
        one.log(loss=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="whole number from 0"):
        one.log(step=-1, loss=1.0)
    with pytest.raises(ValueError, match=r"no module blocks\.9"):
        one.watch(made(), layers=["blocks.9"])
    with pytest.raises(ValueError, match="has no names"):
        record.Recording("wrong", 3, runs=tmp_path)
    one.finish()


def test_a_disk_that_does_not_take_it_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record.Recording("full", runs=tmp_path)
    one.log(loss=1.0)
    one.flush()
    real = one._rows.flush
    monkeypatch.setattr(one._rows, "flush", lambda: (_ for _ in ()).throw(OSError(28, "full")))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for value in (2.0, 3.0):
            one.log(loss=value)
            one.flush()
    assert [str(w.message).startswith("core.record can't write") for w in told] == [True]
    monkeypatch.setattr(one._rows, "flush", real)
    one.finish()
    assert one.run.series("loss/train")[1].tolist() == [1.0, 2.0, 3.0]


def test_how_the_program_ended_is_how_the_run_ended(tmp_path: Path) -> None:
    script = "from core import record\nrecord.start('ended', runs={!r})\nrecord.log(loss=1.0)\n{}\n"
    for end, state in (
        ("", "finished"),
        ("raise ValueError('no batch')", "failed"),
        ("import os; os.kill(os.getpid(), 9)", "interrupted"),
    ):
        folder = tmp_path / state
        subprocess.run(
            [sys.executable, "-c", script.format(str(folder), end)],
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        [run] = RunStore(folder).list()
        assert run.status == state
    assert "no batch" in RunStore(tmp_path / "failed").list()[0].record.message


def test_only_the_first_of_many_processes_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    one = record.Recording("second", runs=tmp_path)
    one.watch(made())
    one.log(loss=1.0)
    one.finish()
    assert RunStore(tmp_path).list() == []


def test_layers_are_the_repeated_blocks_or_else_what_has_parameters() -> None:
    assert list(layers_of(made())) == ["blocks.0", "blocks.1", "blocks.2"]
    plain = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert list(layers_of(plain)) == ["0", "2"]
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
    assert list(layers_of(encoder)) == ["layers.0", "layers.1"]


def test_the_lab_neither_steers_nor_judges_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one = record.Recording("other", {"seed": 4}, runs=tmp_path)
    for step in range(80):
        one.log(loss=3.0, step=step)
    with pytest.raises(RunError, match=r"recorded by core\.record"):
        control(store, one.run, "stop")
    one.finish()
    with pytest.raises(RunError, match=r"recorded by core\.record"):
        control(store, one.run, "resume")
    verdict = of_run(one.run).summary.verdict
    assert verdict.kind == "unjudged"
    assert verdict.entropy is None
    assert "not judged" in verdict.sentence


@pytest.mark.parametrize("trouble", ["only to look at", "a file"])
def test_where_no_run_can_be_written_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    runs = tmp_path / "runs"
    if trouble == "a file":
        runs.write_text("no folder")
    else:
        monkeypatch.setenv(read_only.VARIABLE, "1")
    with pytest.warns(RuntimeWarning, match="records nothing, and the training goes on") as said:
        record.start("net", runs=runs)
    assert len(said) == 1
    network = Network()
    record.watch(network)
    losses, _ = train(network, 3, each=lambda step, loss: record.log(loss=loss))
    record.finish()
    assert len(losses) == 3
    assert not runs.is_dir() or list(runs.iterdir()) == []
