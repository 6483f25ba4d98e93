"""The switches of the Lab: every setting, those that matter most first, the others folded.

The simple view shows the first few, each with what it does (`view.py`).
"""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import presets
from core.config import applies
from core.config.words import file_name
from core.language import mark, t
from dashboard.address import page
from dashboard.lab import view
from dashboard.lab.own_text import own_text
from dashboard.lab.preset import changed_settings, chosen_preset, nearest_preset, preset_row
from dashboard.lab.switch import aside, setting, what_it_does
from dashboard.lab.tokens import tokens
from dashboard.settings import held
from dashboard.settings.address import arrived_settings, rewrite_address
from dashboard.settings.form import DEFAULTS, SETTINGS, key, to_widget

FIRST = (
    "model.family",
    "model.residual",
    "model.placement",
    "model.norm",
    "model.depth",
    "model.blocks_per_stage",
    "model.init",
    "optimizer.warmup_steps",
)
FOLDED = {
    "model": mark("Model"),
    "data": mark("Data"),
    "optimizer": mark("Optimizer"),
    "training": mark("Training"),
    "probes": mark("Probes"),
}


def switches() -> dict[str, Any]:
    """Draw all switches; the settings that they hold."""
    _seed()
    view.choice()
    preset_row()
    with held.held():
        return _switches()


def _switches() -> dict[str, Any]:
    for dotted in FIRST:
        if applies(dotted, held.widget_values()):
            continue
        with st.container(key=f"switch_{key(dotted)}"):
            setting(dotted)
            st.html(aside(dotted))
            if view.is_simple() and dotted in view.SIMPLE:
                st.html(what_it_does(dotted))
    view.others(changed_settings(), held.widget_values(), chosen_preset())
    values = held.widget_values()
    for group, title in FOLDED.items():
        with st.container(key=f"fold_{group}"):
            with st.expander(t(title), key=f"open_{group}"):
                _folded(group)
            st.html(f'<span class="fold-values">{escape(summary(group, values))}</span>')
    held.remember_settings()
    return held.widget_values()


def _seed() -> None:
    """Turn every widget to what the address says, at each arrival on the page.

    A widget takes the address as it was when the run began, so an address that has to be mended is
    mended first, and the values wait.
    """
    remembered = st.session_state
    if how := page.take_arrival():
        address = page.query()
        values, problems, said = arrived_settings(how, address)
        page.blame(problems)
        remembered["arrived_settings"] = values
        if address.get("preset") in presets.names():
            remembered["preset"] = address["preset"]
        elif said:
            remembered["preset"] = nearest_preset(values)
        if rewrite_address(address, values):
            st.rerun()
    for dotted, value in remembered.pop("arrived_settings", {}).items():
        remembered[key(dotted)] = to_widget(dotted, value)


# The folded groups


def _folded(group: str) -> None:
    for dotted in SETTINGS:
        if not dotted.startswith(f"{group}.") or dotted in FIRST or dotted == "data.path":
            continue
        values = held.widget_values()  # of another family, hidden unless they are in the way
        if not applies(dotted, values) or values[dotted] != DEFAULTS[dotted]:
            setting(dotted)
    if group == "training":
        st.text_input(
            t("Name"),
            key="run_name",
            max_chars=120,
            placeholder=t("made from the settings"),
            help=t("What the next runs are called."),
            persist_state="session",
        )
    if group == "data" and st.session_state.get("data_corpus") == "file":
        own_text()
    if group == "data":
        tokens()


def summary(group: str, values: dict[str, Any]) -> str:
    """The values of a folded group in a few words."""
    v = values
    rate = f"{v['optimizer.learning_rate']:g}"
    corpus = str(v["data.corpus"])
    if corpus == "file":
        corpus = str(file_name("data.path", v["data.path"]) or t("file"))
    elif corpus == "dataset":
        corpus = str(v["data.dataset"] or t("dataset"))
    if v["data.tokenizer"] != "characters":
        corpus = f"{corpus} · {v['data.tokenizer']}"
    wide = t("{width} wide", width=v["model.width"])
    more = {
        "transformer": t(" · {n} heads", n=v["model.heads"]),
        "resnet": t(" · stem {stem}", stem=v["model.stem"]),
    }
    every = v["probes.every"]
    return {
        "model": wide + more.get(v["model.family"], ""),
        "data": corpus,
        "optimizer": f"AdamW {rate}",
        "training": t(
            "{steps:,} steps · seed {seed}", steps=v["training.steps"], seed=v["training.seed"]
        ),
        "probes": t("every {n} steps", n=every) if every else t("off"),
    }[group]
