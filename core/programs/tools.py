"""What an agent may ask of the lab, as plain functions: :mod:`core.programs.server` offers them.

Nothing here knows the protocol. What only reads is in `Reading`; `Training` starts runs too, and
counts them off a budget. Names, notes and texts of runs were written by people: they are data.
Every refusal is a RunError, or another ValueError, with one sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

from core import durations, grids, presets
from core.catalogue import filters
from core.catalogue.entry import Entry
from core.catalogue.index import entries, of_run, problems
from core.catalogue.summary import summary_of
from core.config import RunConfig, choices, settings
from core.config.alike import SEED
from core.config.fork_point import ForkPoint
from core.config.groups import NAMED
from core.config.units import corpus_unit
from core.estimate import parameters
from core.evidence import CLAIMS, GROUPS, kept, named
from core.evidence.words import expected_and_measured, measured_where
from core.grids import settled
from core.jobs import control, enqueue, forks
from core.jobs import grids as grid_jobs
from core.jobs.grid_progress import progress
from core.language import Message, joined
from core.metrics.names import title_of, unit_of
from core.programs.budget import Budget, work
from core.programs.comparison import Comparison, seeds_lacking
from core.programs.rows import finite, grid_results, trained, verdict
from core.programs.shapes import (
    BudgetLeft,
    Compared,
    EvidenceRead,
    EvidenceRow,
    PresetAbout,
    Priced,
    RunAbout,
    RunDone,
    RunListed,
    RunsListed,
    SeriesRead,
    SettingAbout,
    Settings,
    Started,
    SweepRead,
    Waited,
)
from core.programs.training import find
from core.runs import Run, RunError, RunStore, describe
from core.runs.status import ENDED
from core.verdicts.advice import next_steps
from core.verdicts.measured import measure

MOST_RUNS = 100  # in one answer
MOST_POINTS = 2000
LONGEST_WAIT = 300  # seconds
POLL_SECONDS = 0.25
OWN_TEXT = tuple(f"data.{field}" for field in NAMED)  # which may name files of this machine


class Reading:
    """Tools that start, stop and change no run. As in every list, what was read of a run that has
    ended may be kept in its `digest.json`."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def list_runs(self, filter: str = "", most: int = 20) -> RunsListed:
        """Runs of the folder, newest first."""
        chosen = filters.parse(filter)
        found = [one for one in entries(self.store) if chosen.matches(one.told(people=False))]
        return {
            "runs": [_listed(one) for one in found[: _within("most", most, 1, MOST_RUNS)]],
            "matching": len(found),
            "unreadable": {id: str(why) for id, why in problems(self.store).items()},
        }

    def describe_run(self, run: str) -> RunAbout:
        """One run: settings, verdict, what else there is of it, what to try."""
        one = find(run, self.store)
        entry, summary = of_run(one), summary_of(one)
        defaults = RunConfig().flat()
        others = [o for o in entries(self.store) if o.setting == entry.setting and o.id != one.id]
        advice = (
            []
            if one.origin  # whose network is not here, so nobody can train its twin
            else next_steps(summary.verdict, one.config, measure(one))
        )
        seeds = {entry.experiment, *(other.experiment for other in others)}
        return {
            "id": one.id,
            "name": one.name,
            "note": str(one.meta["note"]),
            "tags": entry.tags,
            "state": summary.state,
            "step": summary.step,
            "steps": summary.steps,
            "message": str(summary.message),
            "seed": entry.flat[SEED],
            "settings": dict(entry.own)
            if one.origin
            else {n: v for n, v in entry.flat.items() if v != defaults.get(n)},
            "loss": finite(summary.loss),
            "validation": finite(summary.validation),
            "verdict": verdict(one),
            "caution": _one(seeds_lacking([len(seeds)])),
            "others_of_this_setting": [other.id for other in others],
            "twin_of": str(one.meta["twin_of"]) if one.meta.get("twin_of") else None,
            "sweep": str(one.meta["grid"]) if one.meta.get("grid") else None,
            "fork": _fork(one.fork),
            "corpus": {k: v for k, v in one.corpus.items() if k not in HIDDEN},
            "metrics": one.metrics(),
            "alarms": [
                {k: event[k] for k in ("step", "text") if k in event}
                for event in one.events
                if event["kind"] == "alarm"
            ],
            "checkpoints": one.checkpoints,
            "suggestions": [
                {"sentence": str(told.sentence), "changes": dict(told.changes)} for told in advice
            ],
        }

    def read_series(
        self, run: str, metric: str = "loss/train", max_points: int = 100
    ) -> SeriesRead:
        """A metric of a run, thinned so that no spike is lost."""
        one = find(run, self.store)
        points = _within("max_points", max_points, 2, MOST_POINTS)
        try:
            rows = len(one.series(metric)[0])
            steps, values = one.series(metric, points)
        except KeyError as error:
            raise RunError(error.args[0]) from error
        words = corpus_unit(one.corpus)
        return {
            "metric": f"{title_of(metric)} ({metric})",
            "unit": "" if one.origin else str(unit_of(metric, str(words.name))),
            "steps": [int(step) for step in steps],
            "values": _numbers(np.asarray(values, dtype=np.float64)),
            "rows": rows,
        }

    def compare_runs(self, runs: Sequence[str]) -> Compared:
        """Runs side by side, and how far one can conclude from them."""
        return Comparison(find(part, self.store) for part in runs).answer

    def read_sweep(self, sweep: str) -> SweepRead:
        """How far a sweep is, what became of its runs, and what they show together."""
        id = grid_jobs.find(self.store, sweep)
        members = grid_jobs.members(self.store, id)
        about = grid_jobs.definition(self.store, id)
        axes = [name for name in about.get("axes", {}) if name in settings()]
        return {
            "progress": progress(self.store, id),
            "results": grid_results(members, axes),
            "impossible": [str(cell["reason"]) for cell in about.get("impossible", [])],
            "comparison": Comparison(members).answer if len(members) > 1 else None,
        }

    def wait_for_runs(
        self,
        runs: Sequence[str],
        seconds: float = 30,
        tell: Callable[[float, float], None] = lambda done, of: None,
    ) -> Waited:
        """Wait until runs have ended, at most so many seconds; `tell` hears of steps done."""
        deadline = time.monotonic() + _within("seconds", seconds, 0, LONGEST_WAIT)
        found = [find(part, self.store) for part in runs]
        if not found:
            raise RunError(Message("runs: name one run or more"))
        while True:
            records = [one.record for one in found]
            ended = all(record.state in ENDED for record in records)
            tell(sum(r.step for r in records), sum(r.steps for r in records))
            if ended or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        beside = list(dict.fromkeys([*self._twins(found), *found]))
        return {
            "ended": ended,
            "runs": [trained(one) for one in found],
            "comparison": Comparison(beside).answer if ended and len(beside) > 1 else None,
        }

    def _twins(self, runs: Sequence[Run]) -> list[Run]:
        """The runs whose twins these are, where they are still there."""
        known = {run.id: run for run in self.store.list()}
        return [known[id] for run in runs if (id := run.meta.get("twin_of")) in known]

    def list_settings(self, find: str = "") -> list[SettingAbout]:
        """Settings whose name or help holds a word; all where none is given."""
        return [
            _setting(dotted, field)
            for dotted, field in settings().items()
            if find.lower() in f"{dotted} {field.title} {field.description}".lower()
        ]

    def list_presets(self) -> list[PresetAbout]:
        """Named settings."""
        defaults = RunConfig().flat()
        found = [presets.load(name) for name in presets.names()]
        return [
            {
                "name": one.name,
                "title": one.title,
                "summary": one.summary,
                "settings": {n: v for n, v in one.config.flat().items() if v != defaults[n]},
            }
            for one in found
        ]

    def list_evidence(self, group: str = "") -> list[EvidenceRow]:
        """Published claims and whether they hold here."""
        if group and group not in GROUPS:
            raise RunError(
                Message("group: there is no {group!r}; accepted: {known}", group=group,
                        known=", ".join(GROUPS))
            )  # fmt: skip
        return [_evidence_row(self.store, one) for one in CLAIMS if group in ("", one.group)]

    def read_evidence(self, claim: str) -> EvidenceRead:
        """One claim with its numbers, by seed."""
        (one,) = named([claim])
        here = kept.here(self.store.root, one)
        record = here or kept.shipped(one)
        rows = expected_and_measured(one, record) if record else []
        quantities = zip(one.quantities, rows, strict=True) if rows else ()
        seeds = list(record.seeds) if record else []
        return {
            **_evidence_row(self.store, one),
            "link": one.paper.link,
            "where": str(one.where),
            "setting": str(one.setting),
            "formula": one.formula,
            "quantities": [
                {
                    "words": str(words),
                    "expected": str(expected),
                    "measured": str(measured),
                    "inside": inside,
                    "by_seed": list(value.by_seed)
                    if record and (value := record.value(quantity.name))
                    else [],
                }
                for quantity, (words, expected, measured, inside) in quantities
            ],
            "seeds": seeds,
            "measured_here": here is not None,
            "measured_where": str(measured_where(record)) if record else "",
            "claim_caution": str(one.caution),
            "caution": _one(seeds_lacking([len(seeds)])) if record else None,
            "repeat": one.command,
        }

    def price(
        self, changes: Settings, preset: str = "", run: str = "", budget: BudgetLeft | None = None
    ) -> Priced:
        """What training these settings would cost; nothing is started."""
        config, start = self.settings_of(changes, preset, run)
        return self._priced([config], start, budget)

    def _priced(
        self, configs: Sequence[RunConfig], start: ForkPoint | None, left: BudgetLeft | None
    ) -> Priced:
        first = start.step if start else 0
        runs, steps, flops = work(configs, first)
        cost = durations.cost(self.store, configs, first=first)
        letters, problem = durations.vocabulary(configs[0])
        if letters is None:
            raise RunError(problem)
        base, defaults = configs[0], RunConfig().flat()
        return {
            "runs": runs,
            "steps": steps,
            "flops": flops,
            "parameters": parameters(base.model, letters, base.image),
            "seconds": cost.seconds,
            "bytes": cost.memory,
            "measured": cost.measured,
            "settings": {n: v for n, v in base.flat().items() if v != defaults[n]},
            "budget_left": left,
        }

    def settings_of(
        self, changes: Settings, preset: str = "", run: str = ""
    ) -> tuple[RunConfig, ForkPoint | None]:
        """Settings from those of a preset or a run, and where a fork's twin starts.

        A value brings what it needs. Raises RunError, GridError and other ValueErrors.
        """
        if preset and run:
            raise RunError(Message("preset: a run has its own settings; accepted: one of the two"))
        checked = {grids.known(n, "settings"): grids.value_of(n, v) for n, v in changes.items()}
        if not run:
            refuse_own_text(checked)
            return grids.based_on(preset, checked), None
        one = find(run, self.store)
        one.check_ours()
        refuse_own_text(checked)
        start = one.fork
        config = grids.possible(settled(one.config.flat(), checked))
        if start is not None:
            forks.admit(start, config)
        return config, start


class Training(Reading):
    """Reading, and starting runs within a budget; it steers only runs that it started."""

    def __init__(self, store: RunStore, budget: Budget) -> None:
        super().__init__(store)
        self.budget = budget
        self.started: list[str] = []

    def price(
        self, changes: Settings, preset: str = "", run: str = "", budget: BudgetLeft | None = None
    ) -> Priced:
        """As of `Reading`, with what is left of the budget."""
        return super().price(changes, preset, run, budget or self.budget.left)

    def start_run(self, changes: Settings, preset: str = "", name: str = "") -> Started:
        """Queue a run."""
        config, _ = self.settings_of(changes, preset)
        return self._start([config], None, lambda: [enqueue(self.store, config, name)])

    def start_twin(self, run: str, setting: str, value: Any) -> Started:
        """Queue a run with the same seed and batches that differs in one setting."""
        base = find(run, self.store)
        grids.known(setting, "setting")
        config, start = self.settings_of({setting: value}, run=base.id)
        if config.flat() == base.config.flat():
            raise RunError(
                Message("setting: {setting} is {value} in this run already", setting=setting,
                        value=str(base.config.flat()[setting]))
            )  # fmt: skip
        title = describe(config, start)
        if title == base.name or title == describe(base.config, start):
            title = f"{title}, {str(settings()[setting].title).lower()} {value}"
        return self._start(
            [config],
            start,
            lambda: [enqueue(self.store, config, title, fork=start, twin_of=base.id)],
        )

    def start_sweep(
        self,
        name: str,
        values: Mapping[str, Sequence[Any]],
        seeds: int = 3,
        changes: Settings | None = None,
        preset: str = "",
        run: str = "",
    ) -> Started:
        """Queue every combination of values, each with so many seeds."""
        config, start = self.settings_of(changes or {}, preset, run)
        axes: dict[str, Any] = {dotted: list(tried) for dotted, tried in values.items()}
        if SEED not in axes:
            axes[SEED] = grids.seeds(seeds, config.training.seed)
        grid = grids.grid(name, config, axes, fork=start)
        plan = grid_jobs.admitted(grid.plan())
        configs = [cell.config for cell in plan.runs if cell.config]
        if not configs:
            raise RunError(
                Message("no cell of this grid is possible: {why}", why=next(iter(plan.reasons), ""))
            )
        made: list[str] = []

        def begin() -> list[Run]:
            made.append(grid_jobs.start(self.store, grid))
            return grid_jobs.members(self.store, made[0])

        answer = self._start(configs, start, begin)
        impossible = [f"{cell.values}: {cell.reason}" for cell in plan.impossible]
        return {**answer, "sweep": made[0], "impossible": impossible}

    def stop_run(self, run: str) -> RunDone:
        """Stop a run that was started here, with a checkpoint."""
        one = find(run, self.store)
        if one.id not in self.started:
            raise RunError(
                Message(
                    "run {run} was not started by this server; accepted: {known}",
                    run=one.id,
                    known=", ".join(self.started) or Message("none so far"),
                )
            )
        control(self.store, one, "stop")
        return {"id": one.id, "done": "stop sent"}

    def _start(
        self,
        configs: Sequence[RunConfig],
        start: ForkPoint | None,
        begin: Callable[[], list[Run]],
    ) -> Started:
        asked = work(configs, start.step if start else 0)
        cost = self._priced(configs, start, None)
        self.budget.take(asked)
        try:
            runs = begin()
        except Exception:
            self.budget.give_back(asked)
            raise
        self.started += [run.id for run in runs]
        return {
            "runs": [run.id for run in runs],
            "sweep": None,
            "impossible": [],
            "settings": cost["settings"],
            "seconds": cost["seconds"],
            "budget_left": self.budget.left,
        }


# An own text's path and words are not the agent's to read.
HIDDEN = ("probe_tokens", "probe_text", "probe_pieces")


def refuse_own_text(changes: Mapping[str, Any]) -> None:
    """Raises RunError where settings name a file of this machine; a twin keeps its run's."""
    for name in OWN_TEXT:
        if changes.get(name):
            raise RunError(
                Message(
                    "{name}: files of this machine are not read here; accepted: data.corpus",
                    name=name,
                )
            )


def _within(name: str, value: Any, low: float, high: float) -> Any:
    if not low <= value <= high:
        raise RunError(
            Message("{name}: {value}; accepted: {low} to {high}", name=name, value=value, low=low,
                    high=high)
        )  # fmt: skip
    return value


def _one(sentences: Sequence[str]) -> str | None:
    return str(joined(sentences, " ")) if sentences else None


def _setting(dotted: str, field: FieldInfo) -> SettingAbout:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

    def limit(name: str) -> float | None:
        return finite(next((getattr(m, name) for m in field.metadata if hasattr(m, name)), None))

    return {
        "name": dotted,
        "title": str(field.title),
        "about": str(field.description),
        "default": RunConfig().flat()[dotted],
        "unit": str(extra.get("unit") or ""),
        "choices": list(choices(dotted)),
        "least": limit("ge"),
        "most": limit("le"),
    }


def _listed(entry: Entry) -> RunListed:
    found = entry.summary
    return {
        "id": entry.id,
        "name": entry.name,
        "state": found.state,
        "step": found.step,
        "steps": found.steps,
        "seed": entry.flat[SEED],
        "loss": finite(found.loss),
        "validation": finite(found.validation),
        "verdict": found.verdict.kind,
        "tags": entry.tags,
    }


def _fork(fork: ForkPoint | None) -> Any:
    return {"run": fork.run, "name": fork.name, "step": fork.step} if fork else None


def _evidence_row(store: RunStore, claim: Any) -> EvidenceRow:
    record = kept.here(store.root, claim) or kept.shipped(claim)
    return {
        "claim": claim.name,
        "group": claim.group,
        "sentence": str(claim.sentence),
        "paper": claim.paper.short,
        "verdict": record.verdict if record else None,
    }


def _numbers(values: Any) -> Any:
    """Lists with None for what is not finite; six digits are what a metric has."""
    if values.ndim > 1:
        return [_numbers(row) for row in values]
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values]
