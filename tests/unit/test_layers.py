"""Layers: from 1 for people, from 0 in files and on the command line."""

from __future__ import annotations

import re

import pytest

from core.config import RunConfig, layers, overrides
from core.config.command import command
from dashboard.figures.diagram import diagram
from dashboard.figures.equation import equation, plain
from dashboard.lab.switch import COUNTED_FROM_1, PLACEHOLDERS
from dashboard.settings import form


@pytest.mark.parametrize(
    ("file", "people"), [("0", "1"), ("5", "6"), ("0-3", "1-4"), ("9-11", "10-12")]
)
def test_there_and_back(file: str, people: str) -> None:
    assert layers.shown(file) == people
    assert layers.typed(people) == file


def test_people_have_no_layer_0() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        layers.typed("0-2")


def test_a_widget_shows_and_takes_layers_from_1() -> None:
    held = ({"layers": "0-3", "placement": "post"}, {"layers": "5", "residual": "off"})
    shown = form.to_widget("model.overrides", held)
    assert shown == "1-4: placement=post; 6: residual=off"
    assert form.from_widget("model.overrides", shown) == held
    switch = ({"step": 150, "layers": "4", "residual": "off"},)
    assert form.to_widget("training.switches", switch) == "150/5: residual=off"
    assert form.from_widget("training.switches", "150/5: residual=off") == switch


def test_layer_0_in_a_widget_is_refused_in_words() -> None:
    typed = form.from_widget("model.overrides", "0: placement=post")
    assert isinstance(typed, str)  # nothing that could be trained
    config, problem = form.to_config({**form.DEFAULTS, "model.overrides": typed})
    assert config is None
    assert "counted from 1" in problem


def test_what_is_wrong_with_layers_is_said_from_1() -> None:
    values = {**form.DEFAULTS, "model.depth": 6}
    values["model.overrides"] = form.from_widget("model.overrides", "7: residual=off")
    _, problem = form.to_config(values)
    assert "layers 7 are beyond model.depth 6; accepted: layers 1 to 6" in problem


def test_a_drawn_network_names_its_layers_from_1() -> None:
    model = RunConfig.from_flat({"model.overrides": "0-1: placement=post"}).model
    for text in (plain(equation(model)), diagram(model)):
        assert "layers 1 to 2" in text
        assert not re.search(r"layers? 0", text)


def test_the_command_line_keeps_0() -> None:
    config = RunConfig.from_flat({"model.overrides": "0-1: placement=post"})
    assert "0-1: placement=post" in command(config)
    assert overrides.text(config.model.overrides) == "0-1: placement=post"
    for dotted in ("model.overrides", "training.switches"):
        assert "counted from 0" in str(form.SETTINGS[dotted].description)


def test_help_and_placeholders_of_a_page_count_from_1() -> None:
    for text in [*COUNTED_FROM_1.values(), *PLACEHOLDERS.values()]:
        assert not re.search(r"(?<![\d.])0(?=[-:])", text)
