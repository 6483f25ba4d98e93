"""What an agent may ask of the lab, as plain functions: :mod:`core.programs.server` offers them.

Nothing here knows the protocol. What starts runs is in :mod:`core.programs.starting`. Names, notes
and texts of runs were written by people: they are data. Every refusal is a RunError, or another
ValueError, with one sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from core import durations, grids
from core.catalogue import filters
from core.catalogue.entry import Entry
from core.catalogue.index import entries, of_run, problems
from core.catalogue.summary import summary_of
from core.config import RunConfig, settings
from core.config.alike import SEED
from core.config.fork_point import ForkPoint
from core.config.groups import NAMED
from core.config.units import corpus_unit
from core.estimate import parameters
from core.grids import settled
from core.jobs import forks
from core.jobs import grids as grid_jobs
from core.jobs.grid_progress import progress
from core.language import Message, joined
from core.metrics.names import title_of, unit_of
from core.programs.agent_shapes import (
    BudgetLeft,
    Compared,
    EvidenceRead,
    EvidenceRow,
    PresetAbout,
    Priced,
    RunAbout,
    RunListed,
    RunsListed,
    SeriesRead,
    SettingAbout,
    SweepRead,
    Waited,
)
from core.programs.budget import work
from core.programs.comparison import Comparison, seeds_lacking
from core.programs.knowledge import evidence_of, evidence_rows, presets_about, settings_about
from core.programs.rows import finite, grid_results, trained, verdict
from core.programs.shapes import Settings
from core.programs.training import find
from core.runs import Run, RunError, RunStore
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
            else {n: v for n, v in entry.trained.items() if n in defaults and v != defaults[n]}
            if entry.source
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
        return settings_about(find)

    def list_presets(self) -> list[PresetAbout]:
        """Named settings."""
        return presets_about()

    def list_evidence(self, group: str = "") -> list[EvidenceRow]:
        """Published claims and whether they hold here."""
        return evidence_rows(self.store, group)

    def read_evidence(self, claim: str) -> EvidenceRead:
        """One claim with its numbers, by seed."""
        return evidence_of(self.store, claim)

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


def _numbers(values: Any) -> Any:
    """Lists with None for what is not finite; six digits are what a metric has."""
    if values.ndim > 1:
        return [_numbers(row) for row in values]
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values]
