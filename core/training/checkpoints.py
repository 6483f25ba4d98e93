"""Checkpoints: the weights as safetensors, the optimizer and the random states beside them.

Their files and checksums are :mod:`core.runs.checkpoint_files`. No pickle is written or read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from core.files import write_atomically, write_json
from core.language import Message
from core.runs.checkpoint_files import (
    SCHEMA,
    STATE,
    WEIGHTS,
    CheckpointError,
    NewerCheckpointError,
    about_of,
    base_of,
    check_file,
    checksum,
    content_of,
)
from core.runs.retention import STATES_KEPT

__all__ = [
    "CheckpointError",
    "NewerCheckpointError",
    "Progress",
    "load_weights",
    "map_weights",
    "random_states",
    "restore",
    "resume",
    "set_aside",
    "tensors_of",
    "write",
    "write_tensors",
]


@dataclass(frozen=True)
class Progress:
    """Where a checkpoint stands: updates done, and seconds of training so far."""

    step: int
    seconds: float


def write(
    folder: Path, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Keep everything that a bit-exact resume needs. Raises OSError when the disk is full."""
    write_tensors(folder, progress, *tensors_of(model, optimizer))


Whole = Callable[[Tensor], Tensor]


def _in_one_piece(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous()


def tensors_of(
    model: nn.Module, optimizer: torch.optim.Optimizer, whole: Whole = _in_one_piece
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights, and what else a bit-exact resume needs, by the names of the files.

    `whole` is asked for each tensor in turn, in the same order on every process of a run.
    """
    # A tied tensor goes in once; safetensors refuses two names for one memory.
    weights = {name: whole(tensor) for name, tensor in _kept(model).items()}
    state: dict[str, Tensor] = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and any(p.is_cuda for p in model.parameters()):
        state["random.cuda"] = torch.cuda.get_rng_state()
    for index, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            # In a cohort the parameters share one count of steps, which safetensors refuses.
            state[f"optimizer.{index}.{key}"] = (
                whole(value) if value.ndim else value.detach().clone()
            )
    return weights, state


def write_tensors(
    folder: Path, progress: Progress, weights: dict[str, Tensor], state: dict[str, Tensor]
) -> None:
    """As :func:`write`, from the tensors themselves."""
    base = base_of(folder, progress.step)
    sums = {}
    for suffix, tensors in ((WEIGHTS, weights), (STATE, state)):
        packed = save(tensors)
        sums[suffix] = hashlib.sha256(packed).hexdigest()
        write_atomically(base.with_suffix(suffix), packed)
    said = {"schema": SCHEMA, **vars(progress), "sha256": sums}
    write_json(base.with_suffix(".json"), {**said, "check": checksum(said)})
    for old in sorted(folder.glob(f"*{STATE}"))[:-STATES_KEPT]:
        old.unlink(missing_ok=True)


def random_states(folder: Path, step: int) -> dict[str, Tensor]:
    """The random states of every process that trained, by name: `random.cpu` of the first,
    `random.cpu.1` of the next. {} where there are none to read."""
    try:
        with safe_open(base_of(folder, step).with_suffix(STATE), "pt") as file:
            names = [name for name in list(file.keys()) if name.startswith("random.")]
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError):
        return {}


def size(model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Bytes of a checkpoint's tensors; its small JSON file is not counted."""
    states = (value for values in optimizer.state.values() for value in values.values())
    tensors = (*_kept(model).values(), *(one for one in states if isinstance(one, Tensor)))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def load_weights(folder: Path, step: int, model: nn.Module) -> None:
    """Copy a checkpoint's weights into `model`. Raises CheckpointError."""
    own = _kept(model)
    weights = _load(base_of(folder, step), WEIGHTS, about_of(base_of(folder, step)))
    if weights.keys() != own.keys():
        raise CheckpointError(
            Message("the checkpoint of step {step} belongs to another network", step=step)
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def map_weights(folder: Path, step: int, model: nn.Module) -> None:
    """As :func:`load_weights`, but the numbers stay in the file until they are used, and are read
    from there again where memory is short. Raises CheckpointError."""
    base = base_of(folder, step)
    path = base.with_suffix(WEIGHTS)
    check_file(path, about_of(base))
    own = _kept(model)
    try:
        with safe_open(path, "pt") as file:
            if set(file.keys()) != own.keys():
                raise CheckpointError(
                    Message("the checkpoint of step {step} belongs to another network", step=step)
                )
            for name, tensor in own.items():
                found = file.get_tensor(name)
                if found.shape != tensor.shape:
                    raise CheckpointError(
                        Message(
                            "{file} is damaged: {name} has another shape",
                            file=path.name,
                            name=name,
                        )
                    )
                tensor.data = found
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            Message("{file} is missing or damaged: {why}", file=path.name, why=error)
        ) from error


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """Parameters, and buffers that training changes (BatchNorm's running statistics)."""
    whole = model.state_dict()  # names a tied tensor twice, and leaves out fixed tables
    buffers = {name: b for name, b in model.named_buffers() if name in whole}
    return {**dict(model.named_parameters()), **buffers}


def resume(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore the checkpoint of a step; None where it was thinned to its weights.

    Raises CheckpointError where it is damaged, NewerCheckpointError where it is not for this
    release; the model is then of no use any more.
    """
    base = base_of(folder, step)
    if not base.with_suffix(".json").exists() or not base.with_suffix(STATE).exists():
        return None
    said = about_of(base)
    state = _load(base, STATE, said)
    load_weights(folder, step, model)
    try:
        restore(optimizer, state)
        return Progress(int(said["step"]), float(said["seconds"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            Message(
                "the checkpoint of step {step} is damaged: {why}",
                step=step,
                why=error,
            )
        ) from error


def set_aside(folder: Path, step: int) -> None:
    """Rename a damaged checkpoint: it counts no more, and its step can be written again."""
    said = base_of(folder, step).with_suffix(".json")
    said.replace(said.with_suffix(".damaged"))


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Give an optimizer its moments back, and this process its random states."""
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


def _load(base: Path, suffix: str, about: dict[str, Any]) -> dict[str, Tensor]:
    try:
        return load(content_of(base, suffix, about))
    except SafetensorError as error:
        name = base.with_suffix(suffix).name
        raise CheckpointError(
            Message("{name} is missing or damaged: {why}", name=name, why=error)
        ) from error
