"""Checkpoints: the weights as safetensors, the optimizer and the random states beside them.

``checkpoints/step-000000400.safetensors`` the weights, ``.state.safetensors`` what a resume needs
besides, ``.json`` what it all belongs to; the last is written last, and a checkpoint without it
does not exist. No pickle is written or read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from core.runs.files import read_json, write_atomically, write_json

STATES_KEPT = 2  # the newest two: if the last is damaged the one before still resumes


class CheckpointError(ValueError):
    """A checkpoint that can't be used; the sentence says which."""


@dataclass(frozen=True)
class Progress:
    """Where a checkpoint stands: updates done, and seconds of training so far."""

    step: int
    seconds: float


def write(
    folder: Path, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Keep everything that a bit-exact resume needs. Raises OSError when the disk is full."""
    base = _base(folder, progress.step)
    # A tied tensor goes in once; safetensors refuses two names for one memory.
    weights = {name: tensor.detach().contiguous() for name, tensor in _kept(model).items()}
    state: dict[str, Tensor] = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and any(p.is_cuda for p in model.parameters()):
        state["random.cuda"] = torch.cuda.get_rng_state()
    for index, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            state[f"optimizer.{index}.{key}"] = value.detach().contiguous()
    write_atomically(base.with_suffix(".safetensors"), save(weights))
    write_atomically(base.with_suffix(".state.safetensors"), save(state))
    write_json(base.with_suffix(".json"), {"schema": 1, **vars(progress)})
    for old in sorted(folder.glob("*.state.safetensors"))[:-STATES_KEPT]:
        old.unlink(missing_ok=True)


def load_weights(folder: Path, step: int, model: nn.Module) -> None:
    """Copy a checkpoint's weights into `model`. Raises CheckpointError."""
    own = _kept(model)
    weights = _load(_base(folder, step).with_suffix(".safetensors"))
    if weights.keys() != own.keys():
        raise CheckpointError(f"the checkpoint of step {step} belongs to another network")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """Parameters, and buffers that training changes (BatchNorm's running statistics)."""
    whole = model.state_dict()  # names a tied tensor twice, and leaves out fixed tables
    buffers = {name: b for name, b in model.named_buffers() if name in whole}
    return {**dict(model.named_parameters()), **buffers}


def resume(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore the checkpoint of a step; None, and nothing touched, where it is not whole."""
    base = _base(folder, step)
    try:
        progress = read_json(base.with_suffix(".json"))
        state = _load(base.with_suffix(".state.safetensors"))
        load_weights(folder, step, model)
    except (OSError, ValueError):
        return None  # damaged, or thinned to its weights
    _restore(optimizer, state)
    return Progress(int(progress["step"]), float(progress["seconds"]))


def _restore(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        owner, _, rest = name.partition(".")
        if owner == "optimizer":
            index, _, key = rest.partition(".")
            moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    torch.set_rng_state(state["random.cpu"])
    if "random.cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random.cuda"])


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path.name} is missing or damaged: {error}") from error


def _base(folder: Path, step: int) -> Path:
    return folder / f"step-{step:09d}"
