"""Twins: two runs of the same seed and batches that differ in one switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import streamlit as st

from core.config import RunConfig, accepted, applies, choices, resolve
from core.language import t
from core.runs import Run, describe
from dashboard.launch.enqueue import enqueue
from dashboard.launch.ladders import LADDERS
from dashboard.settings.form import SETTINGS, key, to_config

# What a twin may differ in; numbers offer a few others.
SWITCHES = (
    "model.residual",
    "model.placement",
    "model.norm",
    "model.scaling",
    "model.init",
    "model.depth",
    "model.blocks_per_stage",
    "optimizer.warmup_steps",
)
NUMBERS = {**LADDERS, "model.depth": (2, 6, 12, 24)}
Train = Callable[[RunConfig, str, Any], object]  # a twin, the setting in which it differs, to what


def twins(config: RunConfig) -> Iterator[tuple[str, list[tuple[Any, RunConfig]]]]:
    """For each switch the other values that make a possible twin."""
    flat = config.flat()
    for dotted in SWITCHES:
        options: list[tuple[Any, RunConfig]] = []
        words = accepted(dotted, choices(dotted), flat)
        for value in () if applies(dotted, flat) else words or NUMBERS[dotted]:
            if value == flat[dotted]:
                continue
            changed = {**flat, dotted: value}
            changed.update(resolve(changed, dotted))
            twin, _ = to_config(changed)
            if twin is not None:
                options.append((value, twin))
        if options:
            yield dotted, options


def dialog(config: RunConfig, train: Train) -> None:
    """Ask for the one switch, then `train` the twin of these settings."""
    st.dialog(t("Train twin"), width="medium")(_ask)(config, train)


def _ask(config: RunConfig, train: Train) -> None:
    st.caption(
        t(
            "The twin has the same seed, the same first weights and the same batches. Choose the"
            " one switch in which it differs."
        )
    )
    flat = config.flat()
    for dotted, options in twins(config):
        with st.container(key=f"twin_{key(dotted)}", horizontal=True, gap="small"):
            title = t(str(SETTINGS[dotted].title))
            st.markdown(f"{title} :gray[{t('now {value}', value=flat[dotted])}]")
            for value, twin in options:
                if st.button(str(value), key=f"twin_{key(dotted)}_{value}"):
                    train(twin, dotted, value)
                    st.rerun()


def train_twin(base: Run, twin: RunConfig, dotted: str, value: Any) -> Run | None:
    """Train a twin of a run, named by its wiring, or else by what sets it apart.

    The twin of a fork starts at the same checkpoint.
    """
    name = describe(twin)
    if name == describe(base.config):
        name = f"{name}, {str(SETTINGS[dotted].title).lower()} {value}"
    fork = base.fork
    if fork is not None:
        name = f"{name}, {fork.told}"
    return enqueue(twin, name, fork=fork, twin_of=base.id)
