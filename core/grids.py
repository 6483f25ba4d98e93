"""Ablation grids: every combination of some settings' values, each a run or why it can't be one.

Without torch. A grid is a base and, for some settings, the values to try; its cells are their
product. A value brings what it needs (no placement, no norm; DeepNorm, post), and cells that come
to the same settings are one run.
"""

from __future__ import annotations

import difflib
import itertools
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core import presets
from core.config import RunConfig, applies, explain, resolve, settings
from core.config.base import did_you_mean
from core.config.fork_point import ForkPoint
from core.config.resolving import named
from core.config.words import format_value, words_of
from core.files import RefusedFileError, read_named
from core.language import Message, told
from core.resources import ASSETS

FOLDER = ASSETS / "sweeps"
MOST_CELLS = 2000
MOST_BYTES = 2**20  # of a TOML file
SEED = "training.seed"
KEYS = ("name", "summary", "preset", "fork", "base", "grid", "seeds")
# Settings that choose what a cell is; the others follow them.
WIRING = ("model.scaling", "model.placement", "model.norm")
NOT_AN_AXIS = ("data.path", "data.dataset", "data.tokenizer_file")


class GridError(ValueError):
    """A grid that is not possible; the sentence names the setting and what is accepted."""


@dataclass(frozen=True)
class Cell:
    """One combination: its settings, or the reason why it is impossible.

    `values` holds the value of each axis, `brought` the other settings that changed with them.
    """

    values: dict[str, Any]
    config: RunConfig | None
    reason: str = ""
    brought: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name: the value of each axis, as it came to be."""
        flat = self.config.flat() if self.config else self.values
        return words_of({dotted: flat[dotted] for dotted in self.values})[:120]


@dataclass(frozen=True)
class Plan:
    """The cells of a grid: those that become runs, those that can't, those that are one run."""

    cells: tuple[Cell, ...]
    runs: tuple[Cell, ...]
    impossible: tuple[Cell, ...]
    merged: tuple[tuple[Cell, Cell], ...]  # a cell, and the earlier one that is the same run

    @property
    def reasons(self) -> dict[str, int]:
        """Why cells are impossible, with the number of cells of each reason."""
        counted: dict[str, int] = {}
        for cell in self.impossible:
            counted[cell.reason] = counted.get(cell.reason, 0) + 1
        return counted


@dataclass(frozen=True)
class Grid:
    """A base and the values of each axis by dotted name. Build it with :func:`grid`.

    With a `fork` every run starts at this checkpoint.
    """

    name: str
    base: RunConfig
    axes: dict[str, tuple[Any, ...]]
    summary: str = ""
    fork: ForkPoint | None = None

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def plan(self) -> Plan:
        """All cells; seeds come last, so that one picture of the whole is there early."""
        cells = tuple(self._cells())
        runs: dict[str, Cell] = {}
        merged = []
        for cell in cells:
            if cell.config is None:
                continue
            same = cell.config.model_dump_json()
            if same in runs:
                merged.append((cell, runs[same]))
            else:
                runs[same] = cell
        impossible = tuple(cell for cell in cells if cell.config is None)
        return Plan(cells, tuple(runs.values()), impossible, tuple(merged))

    def _cells(self) -> Iterator[Cell]:
        names = sorted(self.axes, key=lambda dotted: dotted != SEED)
        base = self.base.flat()
        for values in itertools.product(*(self.axes[name] for name in names)):
            turned = dict(zip(names, values, strict=True))
            turned = {name: turned[name] for name in self.axes}
            flat = settled(base, turned)
            brought = {
                name: value
                for name, value in flat.items()
                if name not in turned and value != base[name]
            }
            try:
                config = RunConfig.from_flat(flat)
            except ValidationError as error:
                yield Cell(turned, None, explain(error))
                continue
            refusal = self.fork.refusal(config) if self.fork else ""
            yield Cell(turned, None, refusal) if refusal else Cell(turned, config, "", brought)


def grid(
    name: str,
    base: RunConfig,
    axes: Mapping[str, Iterable[Any]],
    summary: str = "",
    fork: ForkPoint | None = None,
) -> Grid:
    """A checked grid. Raises GridError naming the setting and what is accepted."""
    checked = {dotted: _values(dotted, values) for dotted, values in axes.items()}
    if not checked:
        raise GridError(Message("grid: no setting has values; accepted: one setting or more"))
    made = Grid(name.strip() or "grid", base, checked, summary, fork)
    if len(made) > MOST_CELLS:
        raise GridError(
            Message(
                "grid: {n:,} cells; accepted: at most {most:,}",
                n=len(made),
                most=MOST_CELLS,
            )
        )
    return made


def settled(base: Mapping[str, Any], turned: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a cell: the base, what was turned, and what that brings.

    A turned value stays, with two exceptions: a setting that has no meaning beside the others goes
    back to its default, and no placement or no norm takes the other with it.
    """
    values = {**base, **turned}
    for dotted in ("model.family", "data.corpus"):
        if dotted in turned and turned[dotted] != base[dotted]:
            _take(values, resolve(values, dotted), turned)
    for dotted in turned:
        if applies(dotted, values):
            values[dotted] = _DEFAULTS[dotted]
    if values["model.family"] == "resnet":
        return values
    both = ("model.placement", "model.norm")
    if all(dotted in turned for dotted in both) and "none" in [turned[dotted] for dotted in both]:
        values.update(dict.fromkeys(both, "none"))
    for dotted in WIRING:
        if dotted in turned:
            _take(values, resolve(values, dotted), turned)
    return values


def _take(values: dict[str, Any], brought: dict[str, Any], turned: Mapping[str, Any]) -> None:
    values.update({name: value for name, value in brought.items() if name not in turned})


_DEFAULTS = RunConfig().flat()


# Checking what was asked for


def known(dotted: str, place: str = "grid") -> str:
    """The dotted name, where a setting has it. Raises GridError with a hint at a similar one."""
    if place == "grid" and dotted in NOT_AN_AXIS:
        raise GridError(
            Message(
                "grid: {setting} can't be tried in a grid; name one text file in base",
                setting=dotted,
            )
        )
    if dotted not in settings():
        near = difflib.get_close_matches(dotted, settings(), n=1)
        hint = Message("accepted: as model.depth")
        if near:
            hint = Message("did you mean {word}?", word=near[0])
        raise GridError(
            Message(
                "{place}: {setting} is not a setting; {hint}",
                place=place,
                setting=dotted,
                hint=hint,
            )
        )
    return dotted


def value_of(dotted: str, value: Any) -> Any:
    """A value as the settings hold it. Raises GridError when the setting does not take it."""
    try:
        return RunConfig.from_flat({dotted: value}).flat()[dotted]
    except ValidationError as error:
        # Alone it may need others: DeepNorm needs post. That is seen in each cell.
        if any(e["type"] != "impossible" for e in error.errors()):
            raise GridError(explain(error)) from error
    return value


def _values(dotted: str, values: Any) -> tuple[Any, ...]:
    known(dotted)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise GridError(
            Message(
                "{setting}: accepted in a grid: a list of values, as [{value}]",
                setting=dotted,
                value=format_value(values)[:60],
            )
        )
    found: list[Any] = []
    for value in values:
        checked = value_of(dotted, value)
        if checked not in found:
            found.append(checked)
    if not found:
        raise GridError(
            Message(
                "{setting}: the list is empty; accepted: one value or more",
                setting=dotted,
            )
        )
    return tuple(found)


# Files


def examples() -> list[str]:
    """The names of the grids in `assets/sweeps`."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str, find: Find | None = None, fork: str = "") -> Grid:
    """The grid of a TOML file, or of an example by its name; `find` and `fork` as in
    :func:`from_table`. Raises GridError.
    """
    path = FOLDER / f"{name}.toml" if name in examples() else Path(name)
    try:
        table = tomllib.loads(read_named(path, MOST_BYTES).decode("utf-8"))
        return from_table({**table, **({"fork": fork} if fork else {})}, path.stem, find)
    except RefusedFileError as error:
        there = ", ".join(examples())
        raise GridError(
            Message("{why}; accepted: a file, or one of: {there}", why=error, there=there)
        ) from error
    except RecursionError as error:
        raise GridError(Message("{name}: its brackets are nested too deeply", name=name)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GridError(
            Message("{name}: this is not TOML ({why})", name=name, why=error)
        ) from error


Find = Callable[[str], ForkPoint]


def from_table(table: Mapping[str, Any], name: str = "grid", find: Find | None = None) -> Grid:
    """A grid from a TOML file's contents; `seeds = 3` tries three seeds. Raises GridError.

    `find` gives the checkpoint that `fork = "RUN@STEP"` names, which only a runs folder knows.
    """
    for key in table:
        if key not in KEYS:
            hint = did_you_mean(key, KEYS)
            raise GridError(
                Message(
                    "{key} is not known{hint}; accepted: {known}",
                    key=key,
                    hint=hint,
                    known=", ".join(KEYS),
                )
            )
    fork = None
    if table.get("fork"):
        if find is None:
            raise GridError(
                Message("fork: no runs folder is known here; accepted in a file of `sweep`")
            )
        if table.get("preset"):
            raise GridError(
                Message("preset: a fork has its parent's settings; accepted: one of the two")
            )
        fork = find(str(table["fork"]))
    base = based_on(str(table.get("preset", "")), _flat(table.get("base", {}), "base"), fork)
    axes = _flat(table.get("grid", {}), "grid")
    if "seeds" in table:
        if SEED in axes:
            raise GridError(
                Message(
                    "seeds: {setting} has its own values; accepted: one of the two",
                    setting=SEED,
                )
            )
        axes[SEED] = seeds(table["seeds"], base.training.seed)
    return grid(str(table.get("name", name)), base, axes, str(table.get("summary", "")), fork)


def seeds(wish: Any, first: int = 0) -> list[Any]:
    """So many seeds from the base's on, or those that are listed."""
    if isinstance(wish, list):
        return wish
    if not isinstance(wish, int) or isinstance(wish, bool) or not 1 <= wish <= 1000:
        raise GridError(
            Message(
                "seeds: {wish!r}; accepted: a number from 1 to 1000, or a list of seeds",
                wish=wish,
            )
        )
    return list(range(first, first + wish))


def based_on(preset: str, turned: Mapping[str, Any], fork: ForkPoint | None = None) -> RunConfig:
    """The settings of a preset, or of a fork, with those that were `turned` by their dotted names,
    and what they bring. Raises GridError naming the setting and what is accepted."""
    try:
        start = presets.load(preset).config if preset else RunConfig()
        start = start if fork is None else fork.config
    except ValueError as error:
        raise GridError(told(error)) from error
    checked = {known(name, "base"): value_of(name, value) for name, value in turned.items()}
    checked |= {n: v for n, v in named(checked, checked).items() if v is not None}
    return possible(settled(start.flat(), checked))


def possible(values: Mapping[str, Any]) -> RunConfig:
    """The settings with these values. Raises GridError where they can't stand together."""
    try:
        return RunConfig.from_flat(dict(values))
    except ValidationError as error:
        raise GridError(explain(error)) from error


def _flat(table: Any, place: str, before: str = "") -> dict[str, Any]:
    """Dotted names of a table whose parts may be nested or dotted."""
    if not isinstance(table, Mapping):
        raise GridError(
            Message(
                "{place}: accepted: settings by their dotted names",
                place=before or place,
            )
        )
    found: dict[str, Any] = {}
    for key, value in table.items():
        dotted = f"{before}.{key}" if before else str(key)
        if isinstance(value, Mapping):
            found.update(_flat(value, place, dotted))
        else:
            found[known(dotted, place)] = value
    return found
