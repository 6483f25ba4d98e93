"""Named settings in `assets/presets/*.toml`: a title, a summary, and what differs from default."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass

from pydantic import ValidationError

from core.config import RunConfig, explain
from core.language import Message
from core.resources import ASSETS

FOLDER = ASSETS / "presets"


@dataclass(frozen=True)
class Preset:
    """A preset as people see it."""

    name: str
    title: str
    summary: str
    config: RunConfig


@functools.cache
def names() -> list[str]:
    """Every preset, the default first."""
    found = sorted(p.stem for p in FOLDER.glob("*.toml"))
    return sorted(found, key=lambda name: (name != "first-minute", _order(name), name))


def load(name: str) -> Preset:
    """The preset of this name. Raises ValueError with the names that exist."""
    if name not in names():
        raise ValueError(
            Message(
                "preset: there is no {name!r}; accepted: {known}",
                name=name,
                known=", ".join(names()),
            )
        )
    return _load(name)


def _order(name: str) -> int:
    return int(tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")).get("order", 99))


@functools.cache
def _load(name: str) -> Preset:
    values = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    title, summary = values.pop("title"), values.pop("summary")
    values.pop("order", None)
    try:
        config = RunConfig.model_validate({**values, "name": name})
    except ValidationError as error:
        raise ValueError(Message("preset {name}: {why}", name=name, why=explain(error))) from error
    return Preset(name, title, summary, config)
