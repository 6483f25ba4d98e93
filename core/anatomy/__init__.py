"""Measured on a trained network. Importing this package does not import torch.

An analysis is a function ``(subject, parameters, report) -> Answer`` in a module of its own, whose
docstring says what its result holds. :data:`KINDS` names them all; :mod:`core.jobs.inspections`
asks for them, :mod:`core.jobs.inspection_worker` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.config import ModelConfig


class CancelledError(Exception):
    """Somebody cancelled the question; raised by `report`, caught by who asked."""


class Report(Protocol):
    """How an analysis says where it stands. Call it between pieces of work."""

    def __call__(self, progress: float, message: str = "") -> None:
        """Progress in 0..1 and a few words. Raises CancelledError when cancelled."""

    def emit(self, item: dict[str, Any]) -> None:
        """Add one JSON object to the answer's stream. Raises CancelledError when cancelled."""


class Silent:
    """A report that nobody reads."""

    def __call__(self, progress: float, message: str = "") -> None:
        """Nothing."""

    def emit(self, item: dict[str, Any]) -> None:
        """Nothing."""


@dataclass
class Answer:
    """What an analysis found: a JSON object, where NaN becomes null, and numpy arrays by name."""

    result: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter's default, whose type it has, and its bounds."""

    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        """The value in the default's type. Raises ValueError saying what is accepted."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is list and isinstance(value, tuple):
            value = list(value)
        wrong = type(value) is not kind or (self.choices and value not in self.choices)
        if kind in (int, float) and not wrong:
            wrong = not (self._from <= value <= self._to)
        if wrong:
            raise ValueError(f"{name} is {value!r}; accepted: {self._accepted(kind)}")
        return value

    @property
    def _from(self) -> float:
        return -float("inf") if self.low is None else self.low

    @property
    def _to(self) -> float:
        return float("inf") if self.high is None else self.high

    def _accepted(self, kind: type) -> str:
        if self.choices:
            return ", ".join(self.choices)
        words = {int: "a whole number", float: "a number", str: "text", bool: "true, false"}
        word = words.get(kind, "a list")
        if kind not in (int, float) or (self.low is None and self.high is None):
            return word
        if self.high is None:
            return f"{word} from {self.low:g}"
        return f"{word} from {self._from:g} to {self._to:g}"


@dataclass(frozen=True)
class Kind:
    """One analysis: its function as ``module:name``, what it takes, and which runs have it.

    `version` goes up whenever the same question gets another answer. `quick` ones are answered
    between the pieces of a slow one. `needs_attention`: the blocks must hold attention. `checks`
    names a function (model config, parameters) that raises ValueError for what the network can't
    do, before anything is loaded.
    """

    function: str
    parameters: dict[str, Parameter]
    families: tuple[str, ...] = ("transformer",)
    version: int = 1
    quick: bool = False
    needs_attention: bool = False
    checks: str = ""

    def check(self, name: str, given: dict[str, Any], model: ModelConfig) -> dict[str, Any]:
        """Every parameter, defaults filled in. Raises ValueError naming what is wrong."""
        for unknown in given.keys() - self.parameters.keys():
            known = ", ".join(self.parameters) or "nothing"
            raise ValueError(f"{name} takes no {unknown}; it takes: {known}")
        checked = {
            key: parameter.check(key, given.get(key, parameter.default))
            for key, parameter in self.parameters.items()
        }
        if self.checks:
            load(self.checks)(model, checked)
        return checked


def load(function: str) -> Any:
    """The function ``module:name``."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


_DRAWING = {
    "temperature": Parameter(0.8, 0, 100),
    "top_k": Parameter(0, 0),
    "top_p": Parameter(1.0, 0, 1),
    "seed": Parameter(0, 0, 2**63 - 1),
}

_AROUND = {"radius": Parameter(1.0, 0.001, 100), "seed": Parameter(0, 0, 2**32 - 1)}
_GRID = {"seconds": Parameter(20.0, 0, 86_400), "points": Parameter(0, 0, 257)}
_ALL = ("transformer", "mlp", "resnet")

KINDS: dict[str, Kind] = {
    "attention": Kind(
        "core.anatomy.attention:attention",
        {"text": Parameter("")},
        quick=True,
        needs_attention=True,
    ),
    "generate": Kind(
        "core.anatomy.generate:generate",
        {"prompt": Parameter("\n"), "length": Parameter(200, 1, 100_000), **_DRAWING},
        families=("transformer", "mlp"),
        quick=True,
    ),
    "score": Kind(
        "core.anatomy.score:score",
        {"text": Parameter(""), "windows": Parameter(256, 1, 100_000)},
        families=("transformer", "mlp"),
        quick=True,
    ),
    "continuations": Kind(
        "core.anatomy.continuations:continuations",
        {
            "prompts": Parameter(16, 1, 1000),
            "prompt_length": Parameter(64, 1, 100_000),
            "length": Parameter(64, 1, 100_000),
            "examples": Parameter(8, 0, 1000),
            **_DRAWING,
        },
    ),
    "lens": Kind(
        "core.anatomy.lens:lens",
        {
            "text": Parameter(""),
            "top": Parameter(5, 1, 50),
            "middle": Parameter(False),
            "windows": Parameter(32, 1, 10_000),
        },
        quick=True,
    ),
    "operate": Kind(
        "core.anatomy.operate:operate",
        {
            "operations": Parameter([]),
            "windows": Parameter(64, 2, 10_000),
            "text": Parameter(""),
            "prompt": Parameter("\n"),
            "length": Parameter(120, 0, 10_000),
            **_DRAWING,
        },
        quick=True,
        checks="core.anatomy.operations:check",
    ),
    "lesion": Kind(
        "core.anatomy.ablation:lesion",
        {"windows": Parameter(64, 2, 10_000), "seconds": Parameter(60.0, 1, 86_400)},
    ),
    "paths": Kind(
        "core.anatomy.paths:paths",
        {"windows": Parameter(8, 1, 1000)},
    ),
    "heads": Kind(
        "core.anatomy.heads:heads",
        {"windows": Parameter(8, 1, 1000), "seed": Parameter(0, 0, 2**32 - 1)},
        needs_attention=True,
    ),
    "streams": Kind("core.anatomy.streams:streams", {"windows": Parameter(8, 1, 1000)}, version=2),
    "cka": Kind(
        "core.anatomy.cka:cka",
        {"others": Parameter([]), "windows": Parameter(8, 1, 1000)},
        version=2,
    ),
    "landscape1d": Kind(
        "core.anatomy.landscape:landscape1d", {"others": Parameter([]), **_AROUND, **_GRID}, _ALL
    ),
    "landscape2d": Kind(
        "core.anatomy.landscape:landscape2d", {"others": Parameter([]), **_AROUND, **_GRID}, _ALL
    ),
    "trajectory": Kind("core.anatomy.trajectory:trajectory", _GRID, _ALL),
}
