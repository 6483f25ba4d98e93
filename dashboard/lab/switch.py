"""One switch: the widget of a setting of `core.config`, made from its words and limits.

A widget's key is the setting's dotted name with underscores, which is also its name in the address.
A widget's default is always `RunConfig`'s; a preset only turns the switches.
"""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core.config import accepted, choices, idle, impossible
from core.config.effects import effect
from core.glossary import called
from core.language import Message, joined, mark, t
from dashboard.settings import held
from dashboard.settings.form import DEFAULTS, SETTINGS, is_auto, key

SEGMENTED = (
    "model.family",
    "model.residual",
    "model.placement",
    "model.norm",
    "model.init",
    "model.final_norm",
    "model.scaling",
    "model.qk_norm",
    "model.sublayers",
    "optimizer.schedule",
    "training.device",
)
# Choosing one of these turns the others that it needs.
RESOLVED = ("placement", "norm", "scaling")
# Steps of the sliders; a value between them, from a preset or an address, is added.
LADDERS: dict[str, tuple[int, ...]] = {
    "model.depth": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 32, 48, 64, 96, 128),
    "model.blocks_per_stage": (1, 2, 3, 4, 5, 6, 8, 12, 16),
    "optimizer.warmup_steps": (0, 5, 10, 20, 50, 100, 150, 200, 300, 400, 500, 1000, 2000, 5000),
}
PLACEHOLDERS = {
    "model.overrides": "1-3: placement=post; 5: residual=off",
    "training.switches": "150/5: residual=off",
}
# What people type counts layers from 1; the settings' own words are those of the command line.
COUNTED_FROM_1 = {
    "model.overrides": mark(
        "Layers that differ, counted from 1: `1-3: placement=post; 5: residual=off`;"
        " any of residual, placement, norm and scaling, and the last one wins."
    ),
    "training.switches": mark(
        "Layers that change while training, counted from 1, each from a step on:"
        " `150/5: residual=off` changes layer 5 at step 150; any of residual, placement, norm and"
        " scaling."
    ),
}
SMALL_STEPS = {
    "optimizer.learning_rate": 1e-4,
    "model.norm_epsilon": 1e-6,
    "model.rotary_base": 1000.0,
    "training.steps": 100,
    "model.width": 16,
    "model.context": 16,
}


def setting(dotted: str) -> None:
    """The widget of one setting."""
    _draw(dotted)
    held.reread(dotted)


def _draw(dotted: str) -> None:
    field = SETTINGS[dotted]
    default = DEFAULTS[dotted]
    reason = idle(dotted, held.widget_values())
    common: dict[str, Any] = {
        "key": key(dotted),
        "help": _help(dotted, reason),
        "on_change": held.changed,
        "args": (dotted,),
        "bind": "query-params",
        "disabled": bool(reason),
    }
    title = t(field.title or dotted)
    words = offered(dotted)
    if dotted in LADDERS:
        value = _held(dotted)
        options = sorted({*LADDERS[dotted], *([value] if isinstance(value, int) else [])})
        st.select_slider(title, options, default, **common)
    elif words and dotted in SEGMENTED:
        st.segmented_control(
            title,
            words,
            default=default,
            required=True,
            width="stretch",
            wrap=len(words) > 4,
            **common,
        )
    elif words:
        # A family that can't take the default starts with the first word that it takes.
        st.selectbox(title, words, words.index(default) if default in words else 0, **common)
    elif isinstance(default, bool):
        st.toggle(title, default, **common)
    elif is_auto(dotted):
        st.text_input(
            title,
            str(default),
            validate=(r"^(auto|[0-9]+)$", t("auto or a whole number")),
            **common,
        )
    elif isinstance(default, int | float):
        _number(dotted, title, default, common)
    elif dotted == "probes.text":
        st.text_area(title, default, height=80, max_chars=20000, **common)
    elif dotted in PLACEHOLDERS:
        st.text_input(title, "", placeholder=PLACEHOLDERS[dotted], **common)
    else:
        st.text_input(title, default or "", **common)


def offered(dotted: str) -> tuple[str, ...]:
    """The words of a choice that the family takes, and the one that is chosen."""
    values, words = held.widget_values(), choices(dotted)
    taken = accepted(dotted, words, values)
    return tuple(word for word in words if word in taken or word == values[dotted])


def _number(dotted: str, label: str, default: float, common: dict[str, Any]) -> None:
    # Without limits: a browser keeps back what is beyond one, and Train would take the old number.
    whole = isinstance(default, int)
    step = SMALL_STEPS.get(dotted, 1 if whole else 0.01)
    kind = int if whole else float
    st.number_input(
        label,
        value=default,
        step=kind(step),
        format="%d" if whole else "%.8g",
        **common,
    )


def _unit(dotted: str) -> str:
    return str((SETTINGS[dotted].json_schema_extra or {}).get("unit", ""))


def _help(dotted: str, reason: str = "") -> str:
    unit = _unit(dotted)
    said = [Message(COUNTED_FROM_1.get(dotted) or str(SETTINGS[dotted].description))]
    if unit.endswith("s"):
        said.append(Message("Counted in {unit}.", unit=Message(unit)))
    now = None if reason else effect(dotted, held.widget_values())
    if reason:
        said.append(Message("**Off: {reason}.**", reason=reason))
    elif now:
        told = {"equation": now.equation, "expect": now.expect}
        said.append(Message("**Now: {equation}. {expect}**", **told))
    if not reason and choices(dotted) and dotted.startswith("model."):
        said += [Message("Not now: {why}.", why=why) for why in _not_now(dotted)]
    return t(joined(said, " ")) + in_glossary(str(SETTINGS[dotted].title))


def in_glossary(label: str) -> str:
    """A line of Markdown that leads to the glossary, where a label is one of its terms."""
    term = called(label)
    if term is None:
        return ""
    return f"\n\n[{t('In the glossary: {term}', term=t(term.name))}]({term.address})"


def _not_now(dotted: str) -> list[str]:
    """Words of a choice that can't stand with the other settings, grouped by what they need."""
    field = dotted.removeprefix("model.")
    if field in RESOLVED:  # choosing one of these turns the others with it
        return []
    found = impossible(held.model_values(), field)
    return [Message("{word} ({why})", word=word, why=why) for word, why in found.items()]


def aside(dotted: str) -> str:
    """The word at the right of a switch's label: Add, Norm or the value."""
    if dotted == "model.residual":
        return '<span class="aside add">Add</span>'
    if dotted in ("model.placement", "model.norm"):
        return '<span class="aside norm">Norm</span>'
    if dotted in LADDERS:
        value, unit = _held(dotted), _unit(dotted)
        unit = unit.removesuffix("s") if value == 1 else unit
        return f'<span class="aside">{value:,} {t(unit)}</span>'
    return '<span class="aside"></span>'


def what_it_does(dotted: str) -> str:
    """What a switch makes of the equation as it stands, and what to expect, below it."""
    now = effect(dotted, held.widget_values())
    if now is None:
        return ""
    equation = f'<span class="effect-equation">{escape(t(now.equation))}</span>'
    return f'<p class="effect">{equation} {escape(t(now.expect))}</p>'


def _held(dotted: str) -> Any:
    value = held.widget_values()[dotted]
    return value if isinstance(value, int) else DEFAULTS[dotted]
