"""The settings' values, as their widgets hold them and as `core.config` does. No Streamlit.

A setting's widget key is its dotted name with underscores.
"""

from __future__ import annotations

from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from core.config import ModelConfig, RunConfig, explain, layers, overrides, settings
from core.language import Message, joined

SETTINGS = settings()
DEFAULT = RunConfig()
DEFAULTS = DEFAULT.flat()
# Settings that are lists, held by their widgets in a short form.
LISTS: dict[str, tuple[TypeAdapter[Any], Any]] = {
    "model.overrides": (TypeAdapter(tuple[overrides.Override, ...]), overrides.parse),
    "training.switches": (TypeAdapter(tuple[overrides.Switch, ...]), overrides.parse_switches),
}


def key(dotted: str) -> str:
    """`model.depth` -> `model_depth`."""
    return dotted.replace(".", "_")


KEYS = {key(dotted): dotted for dotted in SETTINGS}


def is_auto(dotted: str) -> bool:
    """Whether a setting is `auto` or a number."""
    arms = get_args(SETTINGS[dotted].annotation)
    return int in arms and any("auto" in get_args(arm) for arm in arms)


def to_widget(dotted: str, value: Any) -> Any:
    """A setting's value as its widget holds it."""
    if value is None:
        return ""
    if dotted in LISTS:
        return value if isinstance(value, str) else overrides.text(value, people=True)
    return str(value) if is_auto(dotted) else value


def from_widget(dotted: str, value: Any) -> Any:
    """The inverse; a text that is not a number stays a text, and `core.config` refuses it."""
    if value in ("", None):
        return DEFAULTS[dotted]
    if is_auto(dotted):
        text = str(value).strip().lower()
        return int(text) if text.isdecimal() and len(text) < 20 else text
    if dotted in LISTS:
        return _list(dotted, value)
    return value


def _list(dotted: str, value: Any) -> Any:
    """As `RunConfig.flat` has them; what can't be read stays a text, to be refused.

    People count layers from 1, settings from 0 (`core.config.layers`).
    """
    try:
        adapter, parse = LISTS[dotted]
        parsed = adapter.validate_python(parse(overrides.typed(value)))
    except ValueError:
        return value
    return tuple(one.model_dump() for one in parsed)


def to_config(values: dict[str, Any], name: str = "") -> tuple[RunConfig | None, str]:
    """The settings, or None and one sentence that says what is wrong with them."""
    if values["data.corpus"] == "file" and not values["data.path"]:
        return None, Message("Choose a text file, or another corpus.")
    if values["data.corpus"] == "dataset" and not values["data.dataset"]:
        return None, Message("Name a dataset, or choose another corpus.")
    if values["data.tokenizer"] == "file" and not values["data.tokenizer_file"]:
        return None, Message("Name a tokenizer file, or choose another tokenizer.")
    for dotted in LISTS:
        if sentence := unreadable(values[dotted]):
            return None, joined([dotted, sentence], ": ")
    try:
        return RunConfig.from_flat(values, name), ""
    except ValidationError as error:
        return None, layers.sentence(explain(error))


def unreadable(typed: Any) -> str:
    """A sentence that says what is wrong with a list in short form, where it says what the library
    can't see.
    """
    try:
        overrides.typed(typed)
    except ValueError as error:
        return Message("{why}.", why=error)
    return ""


def wiring(values: dict[str, Any]) -> ModelConfig:
    """The network to draw: as much of the settings as fits together."""
    config, _ = to_config(values)
    if config is not None:
        return config.model
    names = ("residual", "placement", "norm", "depth", "scaling")
    model = {name: values[f"model.{name}"] for name in names}
    try:
        return ModelConfig(**model)
    except ValidationError:
        return ModelConfig()
