"""A lesson as its file describes it: `assets/lessons/NN-name.toml`, read and checked.

NN is its place, name its id (`library.py`). The texts are English; their translations stand in
`assets/languages`. README of the format: CONTRIBUTING.md, *How to write a lesson*.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.config import RunConfig, explain
from core.config.run import nested, settings
from core.evidence import papers
from core.evidence.claim import Paper
from core.lessons.facts import FACTS
from core.lessons.formulas import CONSTANTS, MATHS, Formula, FormulaError

MOST_TRIES = 64  # combinations of values that a reader can choose


class Part(BaseModel):
    """What all parts of a lesson have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Planned(Part):
    """A run of the lesson: `name` in formulas, `title` on the page, `settings` beside the base."""

    name: str = Field(pattern=r"^[a-z][a-z_0-9]*$")
    title: str
    settings: dict[str, Any] = Field(default_factory=dict)


class Control(Part):
    """A setting that the reader may change in some of the runs; the first value is the default."""

    setting: str
    runs: list[str] = Field(default_factory=list)  # all, where none is named
    values: list[Any] = Field(min_length=2)
    label: str = ""  # the setting's own title, where it is empty

    @property
    def key(self) -> str:
        """How an address and widgets call it: `warmup_steps`."""
        return self.setting.partition(".")[2]


class Chart(Part):
    """What is shown of the runs: one of the lab's own charts.

    `curves` a metric through training, `profile` a metric by depth, `map` layer x step, `lines`
    a line a layer, `attention` the heads of one run. `baseline` draws the unigram entropy; a
    profile is that of the newest probe, or of `step`. `decades` are the powers of ten that a map's
    colours span, so that maps beside each other have the same; without them they follow the values.
    """

    kind: Literal["curves", "profile", "map", "lines", "attention"]
    metric: str = "loss/train"
    runs: list[str] = Field(default_factory=list)  # all, where none is named
    title: str = ""
    subtitle: str = ""
    log_y: bool = False
    step: int | None = Field(None, ge=0)
    baseline: bool = False
    decades: tuple[int, int] | None = None


class Option(Part):
    """An answer that can be chosen; it is right `when` this holds of the facts."""

    text: str
    when: str


class Prediction(Part):
    """What the reader is asked before anything runs; `theory` is what the papers say."""

    question: str
    options: list[Option] = Field(min_length=2)
    theory: str


class Outcome(Part):
    """How the runs came out: the first whose `when` holds; without one it always does.

    `explain` are paragraphs with facts in braces.
    """

    kind: Literal["expected", "otherwise", "early"]
    when: str = ""
    explain: list[str] = Field(min_length=1)


class Paragraph(Part):
    """A paragraph after the outcome's own, shown `when` this holds; without one always."""

    text: str
    when: str = ""


class Question(Part):
    """What the reader is asked at the end: `options`, or a number.

    The right number is the formula `answer`; what lies within `tolerance` of it, as a share of it,
    or within `margin` is right too. `because` says why, with facts in braces.
    """

    question: str
    options: list[Option] = Field(default_factory=list)
    answer: str = ""
    tolerance: float = Field(0.0, ge=0, le=1)
    margin: float = Field(0.0, ge=0)
    unit: str = ""
    because: str

    @model_validator(mode="after")
    def _one_kind(self) -> Question:
        if bool(self.options) == bool(self.answer):
            raise ValueError("a question has options or an answer")
        return self


class Lesson(Part):
    """One lesson. `id` is the name of its file without the number in front."""

    id: str
    title: str
    question: str
    minutes: float = Field(gt=0, le=3)
    equation: str = ""
    intro: list[str] = Field(min_length=1)
    papers: list[str] = Field(default_factory=list)
    hands_on: Literal["", "layernorm"] = ""
    base: dict[str, Any] = Field(default_factory=dict)
    runs: list[Planned] = Field(min_length=1, max_length=4)
    controls: list[Control] = Field(default_factory=list)
    charts: list[Chart] = Field(min_length=1)
    facts: dict[str, str] = Field(default_factory=dict)
    predict: Prediction
    outcomes: list[Outcome] = Field(min_length=2)
    explain: list[Paragraph] = Field(default_factory=list)
    ask: list[Question] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Lesson:
        self._check_runs()
        self._check_formulas()
        self._check_templates()
        for combination in itertools.islice(self._combinations(), MOST_TRIES):
            for planned in self.runs:
                self.config(planned.name, combination)
        return self

    def _check_runs(self) -> None:
        known = [one.name for one in self.runs]
        if len(set(known)) < len(known):
            raise ValueError("two runs have one name")
        named = [*(one.runs for one in self.controls), *(one.runs for one in self.charts)]
        for several in named:
            if lost := set(several) - set(known):
                raise ValueError(f"there is no run {', '.join(sorted(lost))}")
        for control in self.controls:
            if control.setting not in settings():
                raise ValueError(f"there is no setting {control.setting}")
        for name in self.papers:
            if not isinstance(getattr(papers, name, None), Paper):
                raise ValueError(f"core/evidence/papers.py has no {name}")
        if self.outcomes[-1].when or self.outcomes[-1].kind == "expected":
            raise ValueError("the last outcome is the one for everything else: without `when`")
        if any(not one.when for one in self.outcomes[:-1]):
            raise ValueError("only the last outcome is without `when`")

    def _check_formulas(self) -> None:
        known = {*CONSTANTS, *(one.name for one in self.runs)}
        for name, text in self.facts.items():
            _check(text, known)
            known.add(name)
        for text in self.conditions:
            _check(text, known)

    def _check_templates(self) -> None:
        for text in self.templates:
            for _, name, _, _ in string.Formatter().parse(text):
                if name is not None and name not in self.facts:
                    raise ValueError(f"{{{name}}} is no fact of the lesson, in {text[:60]!r}")

    def _combinations(self) -> Iterator[dict[str, Any]]:
        keys = [control.setting for control in self.controls]
        for values in itertools.product(*(control.values for control in self.controls)):
            yield dict(zip(keys, values, strict=True))

    @property
    def conditions(self) -> list[str]:
        """The formulas that decide something."""
        options = [*self.predict.options, *(one for ask in self.ask for one in ask.options)]
        texts = [
            *(one.when for one in options),
            *(one.when for one in self.outcomes),
            *(one.when for one in self.explain),
        ]
        return [text for text in (*texts, *(ask.answer for ask in self.ask)) if text]

    @property
    def templates(self) -> list[str]:
        """The texts in which facts stand in braces."""
        return [
            *(text for outcome in self.outcomes for text in outcome.explain),
            *(one.text for one in self.explain),
            *(one.because for one in self.ask),
        ]

    @property
    def texts(self) -> list[str]:
        """Every text that is shown, for the catalogues."""
        asked = [(one.question, one.unit, *(o.text for o in one.options)) for one in self.ask]
        found = [
            *(self.title, self.question, *self.intro),
            *(self.predict.question, self.predict.theory),
            *(option.text for option in self.predict.options),
            *(run.title for run in self.runs),
            *(control.label for control in self.controls),
            *(text for chart in self.charts for text in (chart.title, chart.subtitle)),
            *itertools.chain.from_iterable(asked),
            *self.templates,
        ]
        return [text for text in dict.fromkeys(found) if text]

    @property
    def cited(self) -> list[Paper]:
        """The papers, as `core.evidence.papers` has them."""
        return [getattr(papers, name) for name in self.papers]

    def run(self, name: str) -> Planned:
        """The run of this name."""
        return next(one for one in self.runs if one.name == name)

    def config(self, name: str, chosen: Mapping[str, Any] | None = None) -> RunConfig:
        """The settings of one of its runs, with what the reader has chosen, by setting.

        A control that was not chosen has its first value. Raises ValueError.
        """
        planned = self.run(name)
        flat = {**flattened(self.base), **flattened(planned.settings)}
        for control in self.controls:
            if not control.runs or name in control.runs:
                flat[control.setting] = (chosen or {}).get(control.setting, control.values[0])
        try:
            return RunConfig.model_validate(nested(flat))
        except ValidationError as error:
            raise ValueError(f"run {name}: {explain(error)}") from error


def flattened(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """`{"model": {"depth": 6}}` -> `{"model.depth": 6}`: settings as a file's tables have them."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        dotted = f"{above}{name}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{dotted}.")
        else:
            flat[dotted] = value
    return flat


def _check(text: str, known: set[str]) -> None:
    try:
        formula = Formula(text)
    except FormulaError as error:
        raise ValueError(str(error)) from error
    if lost := formula.names - known:
        raise ValueError(f"{text!r}: {', '.join(sorted(lost))} is neither a fact before nor a run")
    if lost := formula.calls - set(FACTS) - set(MATHS):
        raise ValueError(f"{text!r}: there is no {', '.join(sorted(lost))}")
