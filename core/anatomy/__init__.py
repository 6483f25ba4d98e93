"""Measured on a trained network. Importing this package does not import torch.

An analysis is a function ``(checkpoint, asked, report) -> Answer`` in a module of its own, with its
row in :data:`KINDS`: what it is asked with (:mod:`core.anatomy.parameters`), what its result holds
(:mod:`core.anatomy.results`). :mod:`core.jobs.inspections` asks for them,
:mod:`core.jobs.inspection_worker` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from core.anatomy import parameters, results
from core.anatomy.parameters import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.config import ModelConfig


class CancelledError(Exception):
    """Somebody cancelled the question; raised by `report`, caught by who asked."""


class Report(Protocol):
    """How an analysis says where it stands. Call it between pieces of work."""

    def __call__(self, progress: float, message: str = "") -> None:
        """Progress in 0..1 and a few words. Raises CancelledError when cancelled."""

    def emit(self, item: Mapping[str, Any]) -> None:
        """Add one JSON object to the answer's stream. Raises CancelledError when cancelled."""


class Silent:
    """A report that nobody reads."""

    def __call__(self, progress: float, message: str = "") -> None:
        """Nothing."""

    def emit(self, item: Mapping[str, Any]) -> None:
        """Nothing."""


Result = TypeVar("Result", bound=Mapping[str, Any])


@dataclass
class Answer(Generic[Result]):
    """An analysis's result: a JSON object, where NaN becomes null, and numpy arrays by name."""

    result: Result
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """One analysis: its function as ``module:name``, what it takes and answers, who has it.

    `stream` is what it streams, if it does. `version` goes up whenever the same question gets
    another answer. `quick` ones are answered between the pieces of a slow one. `needs_attention`:
    the blocks must hold attention; `needs_output`: it reads what the network predicts;
    `needs_masked`: what a pretrained encoder's own head says of masked tokens.
    """

    function: str
    parameters: type[Parameters]
    result: type[Any]
    stream: type[Any] | None = None
    families: tuple[str, ...] = ("transformer",)
    version: int = 1
    quick: bool = False
    needs_attention: bool = False
    needs_output: bool = True
    needs_masked: bool = False

    @property
    def about(self) -> str:
        """What it measures, in a line."""
        return (self.parameters.__doc__ or "").partition("\n")[0]

    def check(self, name: str, given: dict[str, Any], model: ModelConfig) -> Parameters:
        """Every parameter, defaults filled in. Raises ValueError naming what is wrong."""
        checked = self.parameters.checked(name, given)
        checked.fit(model)
        return checked


def load(function: str) -> Any:
    """The function ``module:name``."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


_ALL = ("transformer", "mlp", "resnet")
_TEXT = ("transformer", "mlp")

KINDS: dict[str, Analysis] = {
    "attention": Analysis(
        "core.anatomy.text_attention:attention",
        parameters.Attention,
        results.Attention,
        quick=True,
        needs_attention=True,
        needs_output=False,
    ),
    "block": Analysis(
        "core.anatomy.step_through:block",
        parameters.Block,
        results.Block,
        quick=True,
        needs_output=False,
    ),
    "generate": Analysis(
        "core.anatomy.generate:generate",
        parameters.Generate,
        results.Generate,
        results.Token,
        _TEXT,
        quick=True,
    ),
    "score": Analysis(
        "core.anatomy.score:score", parameters.Score, results.Score, families=_TEXT, quick=True
    ),
    "continuations": Analysis(
        "core.anatomy.continuations:continuations",
        parameters.Continuations,
        results.Continuations,
        results.Example,
    ),
    "lens": Analysis("core.anatomy.lens:lens", parameters.Lens, results.Lens, quick=True),
    "operate": Analysis(
        "core.anatomy.operate:operate", parameters.Operate, results.Operate, quick=True
    ),
    "lesion": Analysis(
        "core.anatomy.ablation:lesion", parameters.Lesion, results.Lesion, results.LesionRow
    ),
    "paths": Analysis("core.anatomy.paths:paths", parameters.Paths, results.Paths),
    "heads": Analysis(
        "core.anatomy.heads:heads",
        parameters.Heads,
        results.Heads,
        version=2,
        needs_attention=True,
        needs_output=False,
    ),
    "streams": Analysis(
        "core.anatomy.streams:streams",
        parameters.Streams,
        results.Streams,
        version=2,
        needs_output=False,
    ),
    "masked": Analysis(
        "core.anatomy.masked:masked",
        parameters.Masked,
        results.Masked,
        quick=True,
        needs_output=False,
        needs_masked=True,
    ),
    "profile": Analysis(
        "core.anatomy.profile:profile",
        parameters.Profile,
        results.Profile,
        quick=True,
        needs_output=False,
    ),
    "cka": Analysis(
        "core.anatomy.cka:cka", parameters.Cka, results.Cka, version=2, needs_output=False
    ),
    "landscape1d": Analysis(
        "core.anatomy.landscape:landscape1d",
        parameters.Landscape,
        results.Landscape1d,
        results.Landscape1d,
        _ALL,
    ),
    "landscape2d": Analysis(
        "core.anatomy.landscape:landscape2d",
        parameters.Landscape,
        results.Landscape2d,
        results.Landscape2d,
        _ALL,
    ),
    "trajectory": Analysis(
        "core.anatomy.trajectory:trajectory",
        parameters.Trajectory,
        results.Trajectory,
        results.Trajectory,
        _ALL,
    ),
}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON schemas by kind: of its `parameters`, its `result` and, where it streams, its `stream`.

    The browser's types are made of them.
    """
    return {
        name: {
            part: TypeAdapter(kind).json_schema()
            for part in ("parameters", "result", "stream")
            if (kind := getattr(row, part)) is not None
        }
        for name, row in KINDS.items()
    }
