"""What the tools for agents answer, beside the types that commands answer too."""

from __future__ import annotations

from typing import Any

from pydantic import with_config
from typing_extensions import TypedDict

from core.jobs.grid_progress import GridCounts
from core.programs.shapes import EXACT, ForkedFrom, GridResult, Settings, Trained, VerdictAnswer
from core.runs.status import State
from core.verdicts.labels import VerdictKind


@with_config(EXACT)
class BudgetLeft(TypedDict):
    """What may still be trained; `flops` is null where operations are not counted."""

    runs: int
    steps: int
    flops: float | None


@with_config(EXACT)
class RunsListed(TypedDict):
    """Runs, newest first; `matching` of them in all, of which the first ones are here."""

    runs: list[RunListed]
    matching: int
    unreadable: dict[str, str]


@with_config(EXACT)
class RunListed(TypedDict):
    """A run in few words. `validation` and `loss` are the last ones in nats per prediction."""

    id: str
    name: str
    state: State
    step: int
    steps: int
    seed: int | None
    loss: float | None
    validation: float | None
    verdict: VerdictKind
    tags: list[str]


@with_config(EXACT)
class Suggested(TypedDict):
    """A question that a twin with these `changes` answers, or a remark without any."""

    sentence: str
    changes: Settings


@with_config(EXACT)
class RunAbout(TypedDict):
    """One run. `settings` are those that differ from their defaults, `metrics` each metric's width
    in layers (0: a scalar), `others_of_this_setting` the runs that differ in nothing but the seed.
    `caution` says how far one can conclude from it; null where nothing stands in the way."""

    id: str
    name: str
    note: str
    tags: list[str]
    state: State
    step: int
    steps: int
    message: str
    seed: int | None
    settings: Settings
    loss: float | None
    validation: float | None
    verdict: VerdictAnswer
    caution: str | None
    others_of_this_setting: list[str]
    twin_of: str | None
    sweep: str | None
    fork: ForkedFrom | None
    corpus: dict[str, Any]
    metrics: dict[str, int]
    alarms: list[dict[str, Any]]
    checkpoints: list[int]
    suggestions: list[Suggested]


@with_config(EXACT)
class SeriesRead(TypedDict):
    """A metric at some steps, thinned so that no spike is lost; a list per step has one value a
    layer. Values that are not finite are null."""

    metric: str
    unit: str
    steps: list[int]
    values: list[float | None] | list[list[float | None]]
    rows: int


@with_config(EXACT)
class SettingCompared(TypedDict):
    """The runs of one setting, which differ in nothing but their seed. `loss` is the mean over
    seeds of the final validation loss (else of the last training losses) of runs that came to their
    end, `deviation` its standard deviation, null below two seeds; `verdicts` how many came to
    what."""

    name: str
    settings: Settings
    runs: list[str]
    seeds: list[int]
    loss: float | None
    deviation: float | None
    verdicts: dict[str, int]


@with_config(EXACT)
class Compared(TypedDict):
    """Runs side by side. `differs`: the settings that are not the same in all, with one value for
    each of `compared`. `conclusion` is what the runs show, `caution` what stands against it: one
    seed, runs that have not ended, losses on different texts; null where nothing does."""

    differs: list[str]
    compared: list[SettingCompared]
    sentences: list[str]
    conclusion: str | None
    caution: str | None


@with_config(EXACT)
class SettingAbout(TypedDict):
    """A setting by its dotted name. `choices` are the words that it takes, if it takes words;
    `least` and `most` its limits, null where it has none."""

    name: str
    title: str
    about: str
    default: Any
    unit: str
    choices: list[str]
    least: float | None
    most: float | None


@with_config(EXACT)
class PresetAbout(TypedDict):
    """Named settings: those that differ from the defaults."""

    name: str
    title: str
    summary: str
    settings: Settings


@with_config(EXACT)
class EvidenceRow(TypedDict):
    """A published claim and whether it was shown here; `verdict` is null where nobody measured
    it."""

    claim: str
    group: str
    sentence: str
    paper: str
    verdict: str | None


@with_config(EXACT)
class QuantityRead(TypedDict):
    """One number of a claim: what is expected, what was measured, by seed too."""

    words: str
    expected: str
    measured: str
    inside: bool
    by_seed: list[float | None]


@with_config(EXACT)
class EvidenceRead(EvidenceRow):
    """A claim with its numbers. `measured_here`: on this machine, else for the release."""

    link: str
    where: str
    setting: str
    formula: str
    quantities: list[QuantityRead]
    seeds: list[int]
    measured_here: bool
    measured_where: str
    claim_caution: str
    caution: str | None
    repeat: str


@with_config(EXACT)
class Priced(TypedDict):
    """What training costs. `measured`: the seconds come from runs on this machine, else a guess;
    `budget_left` is null where the server only reads."""

    runs: int
    steps: int
    flops: float
    parameters: int
    seconds: float
    bytes: int
    measured: bool
    settings: Settings
    budget_left: BudgetLeft | None


@with_config(EXACT)
class Started(TypedDict):
    """Runs that wait or train now, by id; of a sweep its own id, and its impossible cells with the
    reason."""

    runs: list[str]
    sweep: str | None
    impossible: list[str]
    settings: Settings
    seconds: float
    budget_left: BudgetLeft


@with_config(EXACT)
class SweepRead(TypedDict):
    """A sweep: how far it is, each run's result, why cells are impossible, and all runs compared
    by setting with their seeds as a mean."""

    progress: GridCounts
    results: list[GridResult]
    impossible: list[str]
    comparison: Compared | None


@with_config(EXACT)
class Waited(TypedDict):
    """Where runs stand after waiting. `ended`: all of them; then `comparison` lays them beside each
    other and beside the runs whose twins they are."""

    ended: bool
    runs: list[Trained]
    comparison: Compared | None
