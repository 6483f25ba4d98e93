"""Compiled steps: what `torch.compile` makes of a network and its loss, and whether that pays.

What was compiled is kept on the disk, beside a decision for each kind of step, so that each run and
each process that comes later has both at once. The network itself is not wrapped: its parameters,
their names, `trace` and evaluations are those of the eager module.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from core.config import ModelConfig, RunConfig, Shape
from core.data.downloads import cache_folder
from core.files import make_private, parse_json, read_bytes, write_json
from core.language import Message
from core.training.losses import cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]  # inputs and targets of a step, () loss

SCHEMA = 1
MOST_BYTES = 512 * 2**20  # of compiled code that is kept; the oldest goes first
MOST_DECISIONS = 1000


def eager(model: nn.Module) -> Loss:
    """The loss of a batch, computed operation by operation."""

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(model(inputs), targets)

    return loss


def compiled(model: nn.Module, threads: int, device: torch.device) -> Loss:
    """The same loss as one compiled function of the same parameters, forward and backward.

    Nothing is compiled before the first call. Dropout draws the numbers that eager code draws.
    The code is made for this number of `threads`.
    """
    _prepare()
    loss = eager(model)
    # torch.compile counts what it compiled by code object, of which all closures share one.
    loss.__code__ = loss.__code__.replace()
    options: dict[str, Any] = {"fallback_random": True}
    if device.type == "cpu":
        options["cpp.threads"] = threads
    made: Loss = torch.compile(loss, fullgraph=True, dynamic=False, options=options)
    return made


def code_folder() -> Path:
    """Where compiled code and decisions are kept."""
    return cache_folder() / "compiled"


def _prepare() -> None:
    """Have PyTorch keep its code where ours is, and compile in this process alone: a pool of
    compilers would take the processor from the training. A folder that the user named stays."""
    from torch._inductor import config
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    folder = code_folder()
    make_private(folder)  # what lies there is run
    usual = os.path.abspath(default_cache_dir())  # which torch sets as if somebody had named it
    if os.environ.get("TORCHINDUCTOR_CACHE_DIR", usual) == usual:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder.resolve() / "inductor")
    config.compile_threads = 1


def warm_up(
    loss: Loss,
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    precision: contextlib.AbstractContextManager[object],
) -> None:
    """Compile now, by one pass that leaves no trace: no gradient, random number or statistic."""
    inputs, targets = batch
    devices = [inputs.device] if inputs.is_cuda else []
    kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng(devices):
        with precision:
            value = loss(inputs, targets)
        value.backward()
    for parameter in model.parameters():
        parameter.grad = None
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(kept[name])


def missing(device: torch.device) -> str:
    """What is missing to compile for a device, in one sentence; else empty."""
    if device.type == "cuda":
        capable = torch.cuda.get_device_capability(device) >= (7, 0)
        return "" if capable else Message("this GPU is older than what Triton compiles for")
    named = os.environ.get("CXX")
    if any(shutil.which(name) for name in ((named,) if named else ("g++", "clang++"))):
        return ""
    return Message(
        "there is no C++ compiler here: install g++, or set training.compile to auto or off"
    )


@dataclass(frozen=True)
class Kind:
    """Steps that share a decision: equal in what is computed, and on what."""

    model: ModelConfig
    vocabulary: int
    image: tuple[int, ...] | None  # channels, rows, columns
    inputs: tuple[int, ...]  # the shape of one part of a batch
    targets: tuple[int, ...]
    precision: str
    device: str
    threads: int

    @classmethod
    def of(
        cls,
        config: RunConfig,
        wiring: ModelConfig,
        vocabulary: int,
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        device: torch.device,
        threads: int,
    ) -> Self:
        """The kind of a run's steps; `shapes` are those of one part of a batch."""
        image = config.image
        return cls(
            model=wiring,
            vocabulary=vocabulary,
            image=None if image is None else (image.channels, image.height, image.width),
            inputs=shapes[0],
            targets=shapes[1],
            precision=config.training.precision,
            device=device.type,
            threads=threads if device.type == "cpu" else 1,
        )

    def told(self) -> dict[str, Any]:
        """As plain values, which `read` takes back."""
        return {**asdict(self), "model": self.model.model_dump(mode="json")}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """A kind from its plain values."""
        shapes = {name: tuple(told[name]) for name in ("inputs", "targets")}
        image = told["image"] and tuple(told["image"])
        model = ModelConfig.model_validate(told["model"])
        return cls(**{**told, **shapes, "image": image, "model": model})

    @property
    def shape(self) -> Shape | None:
        """The shape of an image, where it reads images."""
        return None if self.image is None else Shape(*self.image)

    @property
    def key(self) -> str:
        """Names the decision on this machine, with this Python and this PyTorch."""
        device = torch.cuda.get_device_name() if self.device == "cuda" else processor()
        told = json.dumps([SCHEMA, self.told(), device, sys.version, torch.__version__])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Decision:
    """What was measured of a kind of steps: seconds of a step's forward and backward pass, and
    until code that lies on the disk is ready. `failed` is why it can't be compiled."""

    eager: float = 0.0
    compiled: float = 0.0
    ready: float = 0.0
    failed: str = ""

    @property
    def saved(self) -> float:
        """The share of a step's forward and backward pass that compiled code saves; below 0 it
        loses."""
        return 0.0 if self.failed or not self.eager else 1 - self.compiled / self.eager

    @classmethod
    def find(cls, kind: Kind) -> Self | None:
        """The decision of a kind, where somebody measured it."""
        try:
            found = parse_json(read_bytes(_file(kind)))
            if found.pop("schema") != SCHEMA:
                return None
            return cls(**{name: type(getattr(cls(), name))(v) for name, v in found.items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def keep(self, kind: Kind) -> None:
        """Write it down for later runs. Raises OSError."""
        file = _file(kind)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"schema": SCHEMA, **asdict(self)})
        for old in _oldest(file.parent.glob("*.json"))[:-MOST_DECISIONS]:
            old.unlink(missing_ok=True)


def _file(kind: Kind) -> Path:
    return code_folder() / "decisions" / f"{kind.key}.json"


def trim(most: int = MOST_BYTES) -> None:
    """Delete the oldest code until no more than so many bytes are kept.

    What is deleted is compiled again where it is needed.
    """
    files = _oldest(path for path in (code_folder() / "inductor").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    for path in files:
        if size <= most:
            return
        size -= path.stat().st_size
        path.unlink(missing_ok=True)


def _oldest(paths: Any) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime)


@functools.cache
def processor() -> str:
    """What the processor calls itself, with what decides the code that is made for it."""
    capability = torch.backends.cpu.get_cpu_capability()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return f"{platform.machine()} {platform.processor()} {capability}"
    name = next((value.strip() for field, _, value in lines if field.strip() == "model name"), "")
    return f"{platform.machine()} {name} {capability}"
