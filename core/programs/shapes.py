"""What each command answers with ``--json``, described once.

The commands build plain dicts of these types; a test holds each answer to its own. `schemas` makes
them JSON schemas, which ``python -m core schema`` prints, and the tools for agents
(:mod:`core.programs.server`) describe their answers with them too. Numbers that are not finite
are null: JSON has no NaN. Texts are English whatever language the terminal speaks.
"""

from __future__ import annotations

from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from core.jobs.grid_progress import GridCounts
from core.runs.status import State
from core.verdicts.labels import VerdictKind

EXACT = ConfigDict(extra="forbid", use_attribute_docstrings=True)
Settings = dict[str, Any]  # by dotted name, as `model.depth`


@with_config(EXACT)
class ForkedFrom(TypedDict):
    """The checkpoint of another run that a run started at."""

    run: str
    name: NotRequired[str]
    step: int


@with_config(EXACT)
class QueuePlace(TypedDict):
    """The place of a run that waits; `starts_in` in seconds, null while nothing was measured."""

    number: int
    starts_in: int | None
    priority: int
    words: str


@with_config(EXACT)
class RunRow(TypedDict):
    """A run as lists show it. `loss` is the last training loss in nats per prediction; `on` the
    cluster that it is sent to and `host` the machine that trained it, both empty for this one."""

    id: str
    name: str
    state: State
    step: int
    steps: int
    fork: ForkedFrom | None
    loss: float | None
    queue: QueuePlace | None
    message: str
    on: str
    host: str
    damaged: list[str]


@with_config(EXACT)
class VerdictAnswer(TypedDict):
    """What a run's losses say. `gap`: nats between its last losses and those of a network that
    knows only how often each letter or class occurs (negative: below), `error` its standard error;
    null where it can't be judged. `so_far`: the run has not ended, and may come to another end."""

    kind: VerdictKind
    sentence: str
    gap: float | None
    error: float | None
    so_far: bool


@with_config(EXACT)
class RunDetails(RunRow):
    """A run with all that is known of it: its `config`, or where another program trained it, its
    `origin`. `last` has each scalar metric's last value, `bytes` the
    size of each part of its directory, `holes` the first and last step of what was lost."""

    verdict: VerdictAnswer
    config: NotRequired[dict[str, Any]]
    origin: NotRequired[dict[str, Any]]
    meta: dict[str, Any]
    corpus: dict[str, Any]
    last: dict[str, float | None]
    snapshots: list[int]
    damaged_snapshots: dict[int, str]
    holes: dict[str, list[tuple[int, int]]]
    checkpoints: list[int]
    bytes: dict[str, int]
    kept: str
    events: list[dict[str, Any]]


@with_config(EXACT)
class RunDone(TypedDict):
    """A run to which something was done, and what, in words."""

    id: str
    done: str


@with_config(EXACT)
class ForkQueued(RunDone):
    """A new run that waits, and where it starts."""

    fork: ForkedFrom


@with_config(EXACT)
class InTrash(TypedDict):
    """A deleted run; `deleted` in seconds since 1970."""

    id: str
    name: str
    deleted: float
    days_left: int
    bytes: int


@with_config(EXACT)
class TrashEmptied(TypedDict):
    """Runs that were removed for good, and the bytes that this freed."""

    removed: list[str]
    bytes: int


@with_config(EXACT)
class Exported(TypedDict):
    """What was written where; `architecture` of a folder for `transformers`."""

    to: str
    runs: list[str]
    architecture: NotRequired[str]


@with_config(EXACT)
class Imported(TypedDict):
    """The ids of the runs that are new here, and a sentence for what was left out."""

    runs: list[str]
    notes: list[str]


@with_config(EXACT)
class Adopted(TypedDict):
    """The id of the new run, and the SHA-256 of the model's file."""

    id: str
    source: str


@with_config(EXACT)
class Published(TypedDict):
    """The folder of a page, how many runs it is about and how large it is."""

    to: str
    runs: int
    bytes: int
    left_out: list[str]
    """Sentences on what stayed at home."""


@with_config(EXACT)
class Trained(TypedDict):
    """A run that has just ended here."""

    id: str
    name: str
    state: State
    step: int
    steps: int
    loss: float | None
    validation: float | None
    message: str
    verdict: VerdictAnswer


@with_config(EXACT)
class GridCost(TypedDict):
    """What a grid needs: seconds in all, bytes with `places` runs at once. `measured`: the seconds
    come from runs on this machine, else they are a guess."""

    seconds: float
    bytes: int
    places: int
    measured: bool


@with_config(EXACT)
class GridCell(TypedDict):
    """One combination of values. `run`: the name of its run, null where it is impossible, for the
    `reason`; `brought` are other settings that changed with the values."""

    values: Settings
    run: str | None
    reason: str
    brought: Settings


@with_config(EXACT)
class GridResult(TypedDict):
    """One run of a grid that was followed to its end."""

    id: str
    values: Settings
    state: State
    loss: float | None
    validation: float | None
    verdict: VerdictAnswer


@with_config(EXACT)
class GridPlanned(TypedDict):
    """A grid. `grid` is its id, null with ``--dry-run``; with ``--wait`` its `progress` at the end
    and the `results`."""

    grid: str | None
    name: str
    runs: int
    cost: GridCost
    cells: list[GridCell]
    progress: NotRequired[GridCounts]
    results: NotRequired[list[GridResult]]


@with_config(EXACT)
class GridDone(TypedDict):
    """A grid to which something was done: paused, resumed or cancelled."""

    grid: str
    done: str


@with_config(EXACT)
class Generated(TypedDict):
    """A text: `prompt` as the tokenizer has it, and what was drawn after it."""

    id: str
    step: int
    prompt: str
    text: str
    tokens: int


@with_config(ConfigDict(extra="allow"))
class Inspected(TypedDict):
    """The answer of an analysis, whose own schema is under its name below `inspect KIND`.

    `arrays`: the type and shape of each of its arrays, which are kept with the run.
    """

    arrays: dict[str, list[str | int]]


@with_config(EXACT)
class InstrumentCost(TypedDict):
    """One measurement while training: its seconds, the steps between two, and what it adds to the
    time of a step."""

    seconds: float
    every: int
    share: float


@with_config(EXACT)
class Benched(TypedDict):
    """How fast training is here, and what watching costs. Ratios are medians over `pairs` of
    interleaved rounds, each of tokens per second but for `probes_over_no_probes`, of seconds.
    `matrix_bound`: the seconds of a step's matrix products alone, as a share of the fastest
    engine's step. `against`: the engine's speed beside that of a checkout of nanoGPT, eager and
    compiled. `at_once`: tokens per second of runs alone and together; `at_once_gain`: against the
    better single run. What was not asked for is absent, what can't be measured null."""

    date: str
    torch: str
    python: str
    hardware: str
    device: str
    threads: int
    pairs: int
    steps_per_round: int
    probes_over_no_probes: float
    speed_over_plain_loop: float
    compiled_over_eager: float | None
    speed_over_compiled_plain_loop: float | None
    tokens_per_second: dict[str, float]
    flops_per_second: float
    share_of_peak: float | None
    matrix_bound: float
    instruments: dict[str, InstrumentCost]
    against: NotRequired[dict[str, float]]
    at_once: NotRequired[dict[str, float]]
    at_once_gain: NotRequired[dict[str, float]]
    first_point_seconds: NotRequired[float]


@with_config(EXACT)
class ClaimAnswer(TypedDict):
    """A published claim and what was measured of it; `record` is null where nothing was,
    `problem` says why it can't be."""

    claim: str
    group: str
    sentence: str
    paper: str
    link: str
    where: str
    quick: bool
    expected: dict[str, str]
    record: dict[str, Any] | None
    problem: str | None


@with_config(EXACT)
class Refused(TypedDict):
    """What any command answers that can't be done: one sentence that says what to do. Its exit
    status is 2."""

    error: str


# By command, with its verb. `inspect` answers `Inspected`, with the fields of its analysis.
ANSWERS: dict[str, Any] = {
    "train": Trained,
    "sweep": GridPlanned | GridDone,
    "runs list": list[RunRow],
    "runs show": RunDetails,
    "runs fork": ForkQueued,
    "runs delete": RunDone,
    "runs restore": RunDone,
    "runs trash": list[InTrash] | TrashEmptied,
    "runs pause": RunDone,
    "runs resume": RunDone,
    "runs step": RunDone,
    "runs stop": RunDone,
    "runs move": RunDone,
    "runs switch": RunDone,
    "runs export": Exported,
    "export": Exported,
    "import": Imported,
    "adopt": Adopted,
    "publish": Published,
    "generate": Generated,
    "inspect": Inspected,
    "bench": Benched,
    "evidence": list[ClaimAnswer],
    "error": Refused,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of every command's answer, by command; `inspect KIND` for each analysis."""
    from core.anatomy import schemas as analyses

    found = {command: TypeAdapter(kind).json_schema() for command, kind in ANSWERS.items()}
    return found | {f"inspect {kind}": of["result"] for kind, of in analyses().items()}
