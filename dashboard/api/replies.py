"""What the routes answer, described once.

The routes build plain dicts of these types: the type checker holds them together, and a reply costs
nothing more. Tests validate recorded replies against them, and `python -m dashboard.api.types`
writes the browser's types from their JSON schema. Inspections' results are described by the modules
of their analyses.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypeAliasType, TypedDict

from core.catalogue.outcomes import Drawn
from core.jobs.grid_progress import GridCounts
from core.jobs.inspections import State as Asked
from core.runs.status import State as Stands

EXACT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

Value = TypeAliasType(
    "Value",
    Annotated[
        float | list[float | None] | None,
        Field(description="A metric at one step, or one value per layer; null: not finite."),
    ],
)
State = TypeAliasType("State", Stands)
Stage = TypeAliasType("Stage", Asked)
# [step, value], [step, level, text] and [step, text] travel as lists, half as long as objects.
At = TypeAliasType("At", tuple[int, Value])
Alarm = TypeAliasType("Alarm", tuple[int, str, str])
Sample = TypeAliasType("Sample", tuple[int, str])
Headline = TypeAliasType(
    "Headline",
    Annotated[
        float | str | None, Field(description="A number, or why there is none: NaN, ∞ or -∞.")
    ],
)
_From = TypedDict("_From", {"from": int})  # a keyword of Python, so no class can name it


@with_config(EXACT)
class Range(_From):
    """Points of one metric. What was kept from step `from` on is replaced by them.

    Steps are distances from the one before, the first from 0.
    """

    s: list[int]
    v: list[Value]
    w: NotRequired[int]
    """Steps in a bucket, where rows are thinned: a power of two."""
    a: NotRequired[list[float | None]]
    """The mean of all rows of each bucket."""


@with_config(EXACT)
class Points(Range):
    """What is new of a metric since the cursor that was sent."""

    c: str
    """The cursor to send next."""


@with_config(EXACT)
class Missing(TypedDict):
    """The run has rows, but never one of this metric."""

    missing: Literal[True]


@with_config(EXACT)
class Events(_From):
    """What was said of a run since the cursor that was sent; all of it where `from` is 0."""

    cursor: str
    alarms: NotRequired[list[Alarm]]
    stuck: NotRequired[Literal[True]]
    """The newest that was said of its loss is that it does not come down."""

    sample: NotRequired[Sample]


@with_config(EXACT)
class Gone(TypedDict):
    """The run was deleted."""

    gone: Literal[True]


@with_config(EXACT)
class LiveRun(TypedDict):
    """One run in a reply of /api/live."""

    state: State
    step: int
    steps: int
    loss: NotRequired[Headline]
    grad: NotRequired[Headline]
    validation: NotRequired[Headline]
    rate: NotRequired[float]
    """Tokens, or images, per second."""
    left: NotRequired[float]
    """Seconds."""
    place: NotRequired[str]
    """Of a run that waits: its place in the queue, and about when it starts."""
    message: NotRequired[str]
    snapshot: NotRequired[int]
    """The step of the newest snapshot of attention."""
    m: NotRequired[dict[str, Points | Missing]]
    latest: NotRequired[dict[str, At]]
    events: NotRequired[Events]


@with_config(EXACT)
class Counts(TypedDict):
    """Runs at work, and the grids of which any is."""

    training: int
    paused: int
    waiting: int
    grids: NotRequired[list[GridCounts]]


@with_config(EXACT)
class Live(TypedDict):
    """/api/live: everything that a tab shows, the runs in the order that was asked for."""

    counts: Counts
    runs: list[LiveRun | Gone]


@with_config(EXACT)
class Cell(TypedDict):
    """A cell of "Which trained?": `text` stands in it, `small` below that, `said` for readers."""

    kind: Drawn
    text: str
    small: str
    said: str
    value: float | None
    """Nats, for the shade; null where it has none."""
    count: int
    """Runs that the number is the mean of."""
    of: int
    """Runs behind the cell."""
    share: float | None
    """What is done of them, 0 to 1, while any trains or waits."""


@with_config(EXACT)
class Cells(TypedDict):
    """/api/cells."""

    cells: list[Cell]


@with_config(EXACT)
class Ranges(TypedDict):
    """/api/series of several runs: each one's points, null where it lacks them or is gone."""

    runs: list[Range | None]


@with_config(EXACT)
class Profiles(TypedDict):
    """/api/profile: of each run and metric the newest row at or before the step."""

    runs: list[dict[str, At]]


@with_config(EXACT)
class Snapshots(TypedDict):
    """/api/attention/RUN: where attention was kept; a stamp changes when it is taken anew."""

    steps: list[int]
    stamps: list[str]


Scores = TypeAliasType(
    "Scores",
    Annotated[
        dict[str, list[list[float | None]]],
        Field(description="/api/attention/RUN/SOURCE/scores: by score, layer and head."),
    ],
)


@with_config(EXACT)
class Standing(TypedDict):
    """/api/inspections/RUN/ID: where a question to a trained network stands."""

    state: Stage
    progress: float
    """Share of the work that is done, 0 to 1."""
    message: str


@with_config(EXACT)
class Stream(Standing):
    """/api/inspections/RUN/ID/stream: what came since the item that was asked for."""

    items: list[dict[str, Any]]
    next: int
    more: bool
    """More is there already; ask again at once."""


Words = TypeAliasType(
    "Words",
    Annotated[
        dict[str, list[str]],
        Field(description="/api/language/LANGUAGE: templates, and their forms in a language."),
    ],
)


@with_config(EXACT)
class Problem(TypedDict):
    """What went wrong, in one sentence; with status 400, 403 or 404."""

    error: str


REPLIES: dict[str, Any] = {
    "/api/live": Live,
    "/api/cells": Cells,
    "/api/series": Range | Ranges,
    "/api/profile": Profiles,
    "/api/attention/{run}": Snapshots,
    "/api/language/{language}": Words,
    "/api/attention/{run}/{source}/scores": Scores,
    "/api/inspections/{run}/{id}": Standing,
    "/api/inspections/{run}/{id}/stream": Stream,
}
"""By route, of those that answer in JSON; each may answer with a `Problem` instead."""
