"""What the Lab shows: the network of the settings, the run in focus and the one beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.catalogue.summary import summary_of
from core.config import ModelConfig, RunConfig
from core.runs import Run, RunError, RunStore
from core.verdicts.verdict import Verdict
from dashboard.address import param
from dashboard.address.chosen import MOST
from dashboard.address.param import Address, Problems
from dashboard.settings.form import to_config, wiring


@dataclass(frozen=True)
class Lab:
    """`config` is None where the settings can't be trained, `wrong` then says why.

    `drawn` is as much of their network as fits together. The first of `shown` is in focus.
    """

    config: RunConfig | None
    wrong: str
    drawn: ModelConfig
    shown: tuple[Run, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    problems: Problems = field(default_factory=dict)

    @property
    def focus(self) -> Run | None:
        """The run in focus."""
        return self.shown[0] if self.shown else None

    @property
    def ids(self) -> list[str]:
        """The ids of the runs that are shown, the one in focus first."""
        return [run.id for run in self.shown]

    @property
    def next_differs(self) -> bool:
        """Whether the settings' network is another one than that of the run in focus."""
        return self.now != self.drawn

    @property
    def now(self) -> ModelConfig:
        """The network of the run in focus before its next step, else that of the settings."""
        focus = self.focus
        if focus is None or focus.origin:
            return self.drawn
        return focus.model_at(focus.record.step + 1)


class _Readable:
    """The ids of a store's runs whose settings can be read; opens only those that are asked for."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def __contains__(self, id: object) -> bool:
        try:
            self.store.open(str(id)).config  # noqa: B018 - reading it is the check
        except RunError:
            return False
        return True


def runs(store: RunStore) -> param.Param[tuple[str, ...]]:
    """The runs that the Lab's address names."""
    return param.runs("lab_runs", _Readable(store))


def shown(
    address: Address, store: RunStore, kept: Sequence[Sequence[str]] = ()
) -> tuple[tuple[Run, ...], Problems]:
    """The run in focus and the one beside it, and what the address gets wrong.

    Those that the address names; else the first of `kept`, each a choice of runs by their ids, of
    which some are there; else the newest run and its twin, or what it was forked from.
    """
    named = runs(store)
    values, problems = param.read([named], address)
    if ids := values[named.name]:
        return tuple(store.open(id) for id in ids[:MOST]), problems
    readable = _Readable(store)
    for ids in kept:
        if found := [store.open(id) for id in ids if id in readable]:
            return tuple(found[:MOST]), problems
    newest = next(store.newest(), None)
    if newest is None:
        return (), problems
    beside = _beside(newest)
    return (newest, *(store.open(id) for id in [str(beside)] if id in readable)), problems


def _beside(run: Run) -> object:
    """The id of the run that another one was trained to be seen beside."""
    try:
        fork = run.fork
    except RunError:
        fork = None
    return run.meta["twin_of"] or (fork and fork.run)


def load(
    address: Address,
    store: RunStore,
    values: Mapping[str, Any],
    kept: Sequence[Sequence[str]] = (),
) -> Lab:
    """The Lab with these settings, as their widgets hold them."""
    config, wrong = to_config(dict(values))
    found, problems = shown(address, store, kept)
    verdicts = tuple(summary_of(run).verdict for run in found)
    return Lab(config, wrong, wiring(dict(values)), found, verdicts, problems)
