"""The settings in an address: their widgets' keys, or their dotted names.

Everything that arrives from there goes through `core.config`.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import streamlit as st
from pydantic import TypeAdapter, ValidationError

from core import presets
from core.config import RunConfig, adapt, resolve, resolving
from core.config.refusals import reason
from core.language import Message
from dashboard.address.param import Address, Param, Problems, among, as_text, read
from dashboard.settings.form import (
    DEFAULTS,
    KEYS,
    SETTINGS,
    from_widget,
    key,
    to_widget,
    unreadable,
)
from dashboard.settings.held import REMEMBERED


def _param(dotted: str) -> Param[Any]:
    """A setting as a parameter of the address."""

    def parse(text: str) -> Any:
        try:
            return _checked(dotted, from_widget(dotted, text))
        except ValidationError as error:
            raise ValueError(reason(error)) from None

    def written(value: Any) -> str:
        return as_text(to_widget(dotted, value))

    return Param(key(dotted), DEFAULTS[dotted], parse, written, (dotted,), dotted)


def _preset(text: str) -> str:
    return among(presets.names())(text)


PARAMS = {dotted: _param(dotted) for dotted in SETTINGS}
PRESET = Param("preset", "", _preset)
NAMES = {name for param in (PRESET, *PARAMS.values()) for name in param.names}


def arrived_settings(how: str, address: Address) -> tuple[dict[str, Any], Problems, bool]:
    """Every setting as an arrival means it, sentences on those that can't be taken, and whether
    the address said them.

    What the address leaves out is the default, unless the reader comes from another page and it
    says nothing of settings: then they are as they were left.
    """
    silent = not any(name in NAMES for name in address)
    if how == "from_page" and silent and REMEMBERED in st.session_state:
        return dict(st.session_state[REMEMBERED]), {}, False
    found, problems = from_address(address)
    return {**DEFAULTS, **found}, problems, True


def from_address(address: Address) -> tuple[dict[str, Any], Problems]:
    """The settings that an address names, and sentences on those that can't be taken."""
    named = [one for one in PARAMS.values() if not address.keys().isdisjoint(one.names)]
    values, problems = read([PRESET, *named], address)
    found: dict[str, Any] = {}
    if name := values.pop(PRESET.name):
        preset = presets.load(name).config.flat()
        found = {d: v for d, v in preset.items() if v != DEFAULTS[d]}
    found |= {KEYS[k]: value for k, value in values.items() if k not in problems}
    for name in address.keys() - NAMES:
        if sentence := _unknown(name):
            problems[name] = [sentence]
    if "model.family" in found:
        for dotted, value in adapt({**DEFAULTS, **found}, DEFAULTS, "data.corpus").items():
            found.setdefault(dotted, value)
    for dotted in ("model.scaling", "model.placement", "model.norm"):
        if found.get("model.family") == "resnet":
            break
        if found.get(dotted) == "none" or (dotted == "model.scaling" and dotted in found):
            found.update(resolve({**DEFAULTS, **found}, dotted))
    told = resolving.named({**DEFAULTS, **found}, found)
    found |= {dotted: value for dotted, value in told.items() if value is not None}
    return found, problems


def rewrite_address(address: Address, found: dict[str, Any]) -> bool:
    """Make the address say what was understood of it; whether that changed it.

    To be called before any widget is bound to it.
    """
    others = {name: text for name, text in address.items() if name not in NAMES}
    meant = {PARAMS[d].name: text for d, v in found.items() if (text := PARAMS[d].text(v))}
    changed = {name: text for name, text in address.items() if name in NAMES} != meant
    if changed:
        st.query_params.from_dict({**others, **meant})
    return changed


def _checked(dotted: str, value: Any) -> Any:
    """One setting's value by its own limits; whether it fits the others is seen later."""
    field = SETTINGS[dotted]
    kind: Any = Annotated[field.annotation, field]
    if unreadable(value):
        value = f"?{value}"  # a layer 0 that the library would take
    value = TypeAdapter(kind).validate_python(value)
    group, leaf = dotted.split(".")
    try:
        RunConfig.model_validate({group: {leaf: value}})
    except ValidationError as error:
        if any(e["type"] != "impossible" for e in error.errors()):
            raise
    return value


def _unknown(name: str) -> str:
    """A sentence on a name that is meant for a setting; others (`lab_runs`, `utm`) may be there."""
    plain = key(name).lower()
    near = difflib.get_close_matches(plain, [*KEYS, "preset"], n=1, cutoff=0.8)
    if not near:  # a setting without its group, as `depth`
        leaves = {dotted.partition(".")[2]: own for own, dotted in KEYS.items()}
        near = [leaves[one] for one in difflib.get_close_matches(plain, leaves, n=1, cutoff=0.8)]
    if not near:
        if plain.partition("_")[0] not in {dotted.partition(".")[0] for dotted in SETTINGS}:
            return ""
        near = difflib.get_close_matches(plain, KEYS, n=1)
    if near:
        return Message(
            "The address names {name}, which is not a setting; did you mean {near}?",
            name=name,
            near=near[0],
        )
    return Message("The address names {name}, which is not a setting.", name=name)
