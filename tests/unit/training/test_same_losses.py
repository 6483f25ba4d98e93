"""The losses of small networks of every kind, as they were: a refactoring leaves them to the bit.

``python tests/unit/training/test_same_losses.py`` (from the root, PYTHONPATH=.) records them anew,
for a change that is meant to change a number; same_losses.json is then part of that change.
Another processor or version of torch may round otherwise: there the losses agree to 1e-4.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from core import presets
from core.config import RunConfig
from core.runs import RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer

RECORD = Path(__file__).with_name("same_losses.json")
STEPS = 50
SMALL = {
    "training.batch_size": 4,
    "training.steps": STEPS,
    "training.evaluate_every": 25,
    "training.checkpoint_every": 0,
    "training.threads": 1,
    "training.device": "cpu",
    "probes.every": 10,
}
TEXT = {
    "data.corpus": "file",
    "model.depth": 3,
    "model.width": 16,
    "model.heads": 2,
    "model.context": 16,
    "model.feedforward_width": "auto",
    "optimizer.warmup_steps": 10,
}
BARE = {"model.placement": "none", "model.norm": "none"}
# The preset, and what is changed of it.
NETWORKS: dict[str, tuple[str, dict[str, object]]] = {
    "first-minute": ("first-minute", TEXT),
    "classic": ("classic", TEXT),
    "nanogpt-cpu": ("nanogpt-cpu", TEXT),
    "post-ln-dies": ("post-ln-dies", TEXT),
    "induction": ("induction", {"model.width": 16, "model.context": 16}),
    "mlp-digits": ("mlp-digits", {"model.depth": 4}),
    "mlp on text": ("first-minute", {**TEXT, "model.family": "mlp", "model.heads": 4}),
    "resnet-digits": ("resnet-digits", {"model.blocks_per_stage": 1, "model.width": 4}),
    "DeepNorm": ("first-minute", {**TEXT, "model.placement": "post", "model.scaling": "deepnorm"}),
    "Admin": ("first-minute", {**TEXT, "model.placement": "post", "model.scaling": "admin"}),
    "OLMo 2": (
        "first-minute",
        {
            **TEXT,
            "model.placement": "reordered",
            "model.norm": "rms",
            "model.qk_norm": "width",
            "model.positions": "rotary",
            "model.activation": "swiglu",
        },
    ),
    "Sub-LN": ("first-minute", {**TEXT, "model.placement": "sublayer"}),
    "NormFormer": ("first-minute", {**TEXT, "model.placement": "normformer"}),
    "HybridNorm": ("first-minute", {**TEXT, "model.placement": "hybrid", "model.qk_norm": "head"}),
    "Mix-LN, ALiBi": (
        "first-minute",
        {**TEXT, "model.placement": "mix", "model.positions": "alibi", "model.depth": 4},
    ),
    "ReZero": ("first-minute", {**TEXT, **BARE, "model.scaling": "rezero"}),
    "LayerScale, DyT": (
        "first-minute",
        {**TEXT, "model.norm": "dyt", "model.scaling": "layerscale", "model.value_residual": True},
    ),
    "LNS, Peri-LN in one layer": (
        "first-minute",
        {**TEXT, "model.scaling": "lns", "model.overrides": "1: placement=sandwich, scaling=one"},
    ),
    "rewired on its way": (
        "first-minute",
        {**TEXT, "training.switches": "20/1: residual=off"},
    ),
}


def fingerprint() -> str:
    """What decides the last bits: torch's version and the instructions that it uses."""
    return f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"


def text() -> str:
    """The same text everywhere: words of a fixed list, drawn by a linear congruence."""
    sentence = "the norm adds what a layer of one deep stream keeps, and then it learns.\n"
    words = sentence.split(" ")
    state, drawn = 1, []
    for _ in range(4000):
        state = (1103515245 * state + 12345) % 2**31
        drawn.append(words[state // 65536 % len(words)])
    return " ".join(drawn)


def losses(name: str, folder: Path, more: Mapping[str, object] | None = None) -> list[float]:
    """Training losses of every step, then each validation loss; with `more` settings."""
    preset, changes = NETWORKS[name]
    values = {**presets.load(preset).config.flat(), **SMALL, **changes, **(more or {})}
    if values["data.corpus"] == "file":
        path = folder / "text.txt"
        path.write_text(text(), encoding="utf-8")
        values["data.path"] = str(path)
    run = RunStore(folder / "runs").create(RunConfig.from_flat(values))
    Trainer(run, NullControl()).train()
    found = (run.series(f"loss/{which}")[1] for which in ("train", "validation"))
    return [float(loss) for part in found for loss in part]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_are_as_they_were(name: str, tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    wanted = [float.fromhex(loss) for loss in record["losses"][name]]
    found = losses(name, tmp_path)
    assert np.isfinite(found).all()
    if record["fingerprint"] == fingerprint():
        assert found == wanted
    else:
        assert found == pytest.approx(wanted, abs=1e-4)


def record() -> None:
    """Write same_losses.json."""
    found = {}
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = [loss.hex() for loss in losses(name, Path(folder))]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
    RECORD.write_text(
        f'{{\n "fingerprint": {json.dumps(fingerprint())},\n "losses": {{\n{lines}\n }}\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    record()
