"""Where a run comes from whose network this lab did not build: `origin.json`, as it is written.

Its own settings are kept by their dotted names, as numbers, words, yes or no, or nothing; what is
none of these is kept as its text.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import RunConfig
from core.config.alike import SCHEDULE, SEED
from core.files import write_json
from core.language import Message
from core.runs import schemas

FILE = "origin.json"
MOST = 1000  # settings of one run
LONGEST = 500  # letters of a name or of a value
MOST_STEPS = 10_000_000  # `training.steps` takes no more
Value = str | int | float | bool | None
DEFAULTS = RunConfig().flat()


def settings_of(given: Any) -> dict[str, Value]:
    """Settings as plain values by dotted name: of a mapping, a dataclass, or an object with fields
    such as an argparse.Namespace; None has none. Raises ValueError for anything else."""
    if given is None:
        return {}
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        given = dataclasses.asdict(given)
    elif not isinstance(given, Mapping):
        try:
            given = vars(given)
        except TypeError as error:
            raise ValueError(
                Message(
                    "settings: a {kind} has no names; accepted: a dict, a dataclass or an"
                    " argparse.Namespace",
                    kind=type(given).__name__,
                )
            ) from error
    found: dict[str, Value] = {}
    _flatten("", given, found)
    return dict(list(found.items())[:MOST])


def _flatten(name: str, value: Any, found: dict[str, Value]) -> None:
    if isinstance(value, Mapping) and (value or not name):
        for key, inner in value.items():
            word = str(key).strip() or "_"
            _flatten(f"{name}.{word}" if name else word, inner, found)
    else:
        found[name[:LONGEST]] = plain(value)


def plain(value: Any) -> Value:
    """A value as files and filters hold it; of a number without an end its word, as of all else."""
    item = getattr(value, "item", None)
    if callable(item):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            value = item()  # of numpy and torch
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        with contextlib.suppress(TypeError, ValueError):
            return valid(json.dumps(value, ensure_ascii=False))[:LONGEST]
    return valid(str(value))[:LONGEST]


def valid(text: str) -> str:
    """A text that every file can hold."""
    return text.encode("utf-8", "replace").decode()


def number_of(text: str) -> Value:
    """What a program that keeps settings as text meant: a number, yes or no, nothing, else text."""
    word = text.strip()
    known: dict[str, Value] = {"true": True, "false": False, "none": None, "null": None, "": None}
    if word.lower() in known:
        return known[word.lower()]
    for kind in (int, float):
        try:
            return plain(kind(word))
        except ValueError:
            continue
    return text


def lay(
    folder: Path,
    by: str,
    source: str,
    settings: Mapping[str, Value],
    *,
    layers: Sequence[str] = (),
    model: str = "",
    gradients: str = "",
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Write `origin.json`. Raises OSError.

    `by`: the program that measured; `source`: which of its runs; `layers` and `model`: what the
    per-layer metrics are of; `renamed`: our names of metrics that had another one there.
    """
    told: dict[str, Any] = {
        "by": by,
        "source": valid(source)[:LONGEST],
        "settings": dict(settings),
        "layers": list(layers),
        "model": model,
        "gradients": gradients,
        "renamed": dict(renamed or {}),
    }
    write_json(folder / FILE, schemas.marked(FILE, told))


def config_of(settings: Mapping[str, Value], steps: int, name: str = "") -> RunConfig:
    """The settings that every run has: of these only the seed and the steps are known."""
    training: dict[str, Any] = {"steps": min(max(steps, 1), MOST_STEPS)}
    seed = settings.get(seed_name(settings))
    if isinstance(seed, int) and 0 <= seed < 2**31:
        training["seed"] = seed
    config = {"name": name[:120], "training": training, "optimizer": {"schedule": "constant"}}
    return RunConfig.model_validate(config)


def seed_name(settings: Mapping[str, Any]) -> str:
    """Which of its settings is the seed: the first that is called so and is a whole number."""
    for name, value in settings.items():
        last = name.replace("/", ".").rpartition(".")[2].lower()
        if last in ("seed", "random_seed", "manual_seed") and type(value) is int:
            return name
    return ""


def flat_of(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Its settings as `RunConfig.flat` has those of others: what this lab's settings would be is
    not known, so they are None; its seed is `training.seed`."""
    own = own_of(origin)
    return {**dict.fromkeys(DEFAULTS), SCHEDULE: (), **own}


def own_of(origin: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were recorded with it, its seed as `training.seed`."""
    settings = origin.get("settings", {})
    seed = seed_name(settings)
    found = {name: plain(value) for name, value in settings.items() if name not in (seed, SCHEDULE)}
    if seed:
        found[SEED] = settings[seed]
    return found
