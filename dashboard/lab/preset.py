"""The presets: turn every switch at once, see what was changed since, and go back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import presets
from core.language import Message, joined, t
from dashboard.settings import held


def preset_row() -> None:
    """The presets, and the way back when settings were changed since."""
    names = presets.names()
    if st.session_state.get("preset") not in names:
        st.session_state["preset"] = nearest_preset(held.widget_values())
    with st.container(key="preset_row"):
        st.selectbox(
            t("Preset"),
            names,
            key="preset",
            help=t("Turns every switch at once.") + "\n" + _summaries(names),
            on_change=_apply_preset,
            persist_state="session",
        )
        if changed := changed_settings():
            st.button(
                t("{n} changed · undo", n=len(changed)),
                key="preset_undo",
                type="tertiary",
                on_click=_apply_preset,
                help=t("Differs from the preset in {settings}.", settings=", ".join(changed)),
            )


def nearest_preset(values: dict[str, Any]) -> str:
    """The preset that the fewest settings differ from."""
    return min(presets.names(), key=lambda n: sum(values[d] != v for d, v in _flat(n).items()))


def changed_settings() -> list[str]:
    """The settings that are not as the chosen preset has them."""
    values = held.widget_values()
    return [dotted for dotted, value in chosen_preset().items() if values[dotted] != value]


def chosen_preset() -> dict[str, Any]:
    """Every setting as the chosen preset has it, by dotted name."""
    return _flat(st.session_state["preset"])


def _flat(name: str) -> dict[str, Any]:
    return presets.load(name).config.flat()


def _apply_preset() -> None:
    held.show(presets.load(st.session_state["preset"]).config)
    held.changed()


def _summaries(names: list[str]) -> str:
    loaded = [presets.load(name) for name in names]
    return "\n".join(f"\n**{p.name}**: {t(_told(p))}" for p in loaded)


def _told(preset: presets.Preset) -> str:
    return joined([Message(preset.title), Message(preset.summary)], ". ")
