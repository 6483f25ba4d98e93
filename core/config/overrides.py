"""Layers that differ from the rest: ``0-3: placement=post; 5: residual=off``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import field_validator, model_serializer, model_validator

from core.config import layers as counting
from core.config.base import Group, setting
from core.config.literals import Residual, on_or_off
from core.config.norms import Norm
from core.config.wiring import Placement, Scaling
from core.language import Message, joined

CHANGES = ("residual", "placement", "norm", "scaling")


class Override(Group):
    """Some layers, counted from 0, and what is different in them."""

    layers: str = setting("0", "Layers", "One layer, `5`, or from one to another, `0-3`.")
    residual: Residual | None = None
    placement: Placement | None = None
    norm: Norm | None = None
    scaling: Scaling | None = None

    @field_validator("layers", mode="before")
    @classmethod
    def _one_or_some(cls, value: Any) -> str:
        text = re.sub(r"\s", "", str(value))
        found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text)
        if not found or int(found[1]) > int(found[2] or found[1]):
            raise ValueError(
                Message(
                    "{value} is not a layer or a range of layers; accepted: one, as 5, or"
                    " some, as 0-3",
                    value=repr(str(value)[:60]),
                )
            )
        return text

    _switch_words = field_validator("residual", mode="before")(on_or_off)

    @model_validator(mode="after")
    def _changes_something(self) -> Override:
        if not self.changes:
            raise ValueError(
                Message(
                    "layers {layers}: name any of {known}",
                    layers=self.layers,
                    known=", ".join(CHANGES),
                )
            )
        return self

    @model_serializer
    def _only_what_is_said(self) -> dict[str, str]:
        return {"layers": self.layers, **self.changes}

    @property
    def changes(self) -> dict[str, str]:
        """The settings that these layers change, by name."""
        values = {name: getattr(self, name) for name in CHANGES}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def first(self) -> int:
        """The first of its layers."""
        return int(self.layers.split("-")[0])

    @property
    def last(self) -> int:
        """The last of its layers."""
        return int(self.layers.split("-")[-1])


class Switch(Override):
    """An override that takes effect while the network trains, from one step on."""

    step: int = setting(0, "Step", "The first step that has it.", "steps", ge=0, le=10**8)

    @model_serializer
    def _only_what_is_said(self) -> dict[str, Any]:
        return {"step": self.step, "layers": self.layers, **self.changes}

    @property
    def override(self) -> Override:
        """This override without its step."""
        return Override(layers=self.layers, **self.changes)

    @property
    def words(self) -> str:
        """The override in words, layers counted from 1."""
        which = counting.named(self.first, self.last)
        changes = ", ".join(f"{name} {value}" for name, value in self.changes.items())
        return joined([which, changes], ": ")


def parse(value: Any) -> Any:
    """JSON or the short form as a list of plain settings; anything but a string as it is."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        return _json(value, ACCEPTED)
    return [_parse_one(part, ACCEPTED) for part in value.split(";") if part.strip()]


ACCEPTED = Message("accepted: 1-3: placement=post; 5: residual=off, or the same as a JSON list")
SWITCHES = Message(
    "accepted: STEP/LAYERS: SETTING=VALUE, as 150/5: residual=off; 300/0-3: placement=post, or the"
    " same as a JSON list"
)


def _json(text: str, accepted: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(
            Message("its brackets are nested too deeply; {accepted}", accepted=accepted)
        ) from error
    except ValueError as error:
        raise ValueError(
            Message("this is not JSON ({why}); {accepted}", why=error, accepted=accepted)
        ) from error


def _parse_one(part: str, accepted: str) -> dict[str, str]:
    layers, colon, rest = part.partition(":")
    pairs = [pair.partition("=") for pair in re.split(r"[,\s]+", rest.strip()) if pair]
    if not colon or not pairs or not all(equals and value for _, equals, value in pairs):
        raise ValueError(
            Message(
                "{part} can't be read; {accepted}",
                part=repr(part.strip()[:60]),
                accepted=accepted,
            )
        )
    return {"layers": layers.strip(), **{name: value for name, _, value in pairs}}


def parse_switches(value: Any) -> Any:
    """As :func:`parse`, each with its step in front: ``150/5: residual=off``."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        return _json(value, SWITCHES)
    found = []
    for part in value.split(";"):
        step, slash, rest = part.partition("/")
        if part.strip() and not (slash and step.strip().isdecimal()):
            raise ValueError(
                Message(
                    "{part} can't be read; {accepted}",
                    part=repr(part.strip()[:60]),
                    accepted=SWITCHES,
                )
            )
        if part.strip():
            found.append({"step": int(step), **_parse_one(rest, SWITCHES)})
    return found


def typed(value: Any) -> Any:
    """The short form as people type it, layers counted from 1, as settings have it.

    Anything else is returned unchanged; JSON too, whose layers count from 0. Raises ValueError for
    a layer 0.
    """
    if not isinstance(value, str) or value.strip().startswith("["):
        return value
    parts = []
    for part in value.split(";"):
        where, colon, rest = part.partition(":")
        step, slash, which = where.rpartition("/")
        parts.append(f"{step}{slash}{counting.typed(which)}{colon}{rest}" if colon else part)
    return ";".join(parts)


def text(overrides: Iterable[Any], people: bool = False) -> str:
    """The short form of a list of overrides or switches, or of their plain settings.

    For `people` layers are counted from 1, else from 0 as :func:`parse` takes them.
    """
    which = counting.shown if people else str
    plain = [o.model_dump() if isinstance(o, Override) else dict(o) for o in overrides]
    return "; ".join(
        (f"{one['step']}/" if "step" in one else "")
        + f"{which(one['layers'])}: "
        + ", ".join(f"{k}={v}" for k, v in one.items() if k in CHANGES)
        for one in plain
    )
