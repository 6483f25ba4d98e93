"""What an agent may start, counted off a budget, as plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core import grids
from core.config import RunConfig, settings
from core.config.alike import SEED
from core.config.fork_point import ForkPoint
from core.jobs import control, enqueue
from core.jobs import grids as grid_jobs
from core.language import Message
from core.programs.agent_shapes import (
    BudgetLeft,
    Priced,
    Started,
)
from core.programs.budget import Budget, work
from core.programs.reading import Reading
from core.programs.shapes import RunDone, Settings
from core.programs.training import find
from core.runs import Run, RunError, RunStore, describe


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
