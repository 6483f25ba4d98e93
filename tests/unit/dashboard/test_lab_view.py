"""The simple view of the switches: what it shows, what it says, and that it changes no value."""

from __future__ import annotations

import re

import pytest

from core import presets
from core.config import RunConfig, applies
from dashboard.lab import view
from dashboard.settings import form
from tests.unit.dashboard.test_controls import found, opened, widget

DEFAULTS = RunConfig().flat()


def shown(app, name):
    """The pieces of HTML of a class, as text."""
    bodies = [h.body for h in app.get("html") if f'class="{name}' in h.body]
    return [re.sub(r"<[^>]+>", "", body).strip() for body in bodies]


def test_a_newcomer_meets_the_simple_view():
    app = opened()
    assert app.button_group(key="lab_view").value == "simple"
    mine = [dotted for dotted in view.SIMPLE if not applies(dotted, DEFAULTS)]
    assert len(mine) == 5
    assert len(shown(app, "effect")) == len(mine)
    assert any(text.startswith("y = x + F(x)") for text in shown(app, "effect"))


def test_what_is_said_follows_the_switches():
    app = opened()
    app.button_group(key="model_residual").set_value("off").run()
    said = shown(app, "effect")
    assert said[0].startswith("y = F(x)")
    assert "product of Jacobians" in said[0]
    assert said[1].startswith("y = F(N(x))")


def test_no_value_changes_with_the_view_and_none_is_lost():
    address = {"model_width": "32", "model_dropout": "0.1", "model_depth": "3", "lab_view": "all"}
    app = opened(**address)
    before, _ = found(app)
    kept = {k: v for k, v in app.query_params.items() if k != "lab_view"}
    for wanted in ("simple", "all", "simple"):
        app.button_group(key="lab_view").set_value(wanted).run()
        assert found(app)[0] == before
        assert {k: v for k, v in app.query_params.items() if k != "lab_view"} == kept
        for dotted in DEFAULTS:
            if not applies(dotted, DEFAULTS) and dotted != "data.path":
                assert widget(app, form.key(dotted)) is not None
    assert "lab_view" not in app.query_params, "what was chosen by hand is not the address's"


def test_a_link_with_other_settings_says_how_many_and_shows_them():
    name = "pre-ln-lives"
    app = opened(preset=name, model_width="32", model_heads="2", model_depth="4")
    config, _ = found(app)
    assert (config.model.width, config.model.heads, config.model.depth) == (32, 2, 4)
    labels = [box.label for box in app.expander]
    assert "2 other settings differ from the preset" in labels
    listed = " ".join(shown(app, "others"))
    assert "Width32 preset 64" in listed
    assert "Depth" not in listed, "depth is one of the five"
    app.button(key="show_all").click().run()
    assert app.button_group(key="lab_view").value == "all"
    assert found(app)[0] == config
    assert not shown(app, "others")
    assert not shown(app, "effect")


def test_one_setting_is_not_told_in_the_plural():
    app = opened(preset="pre-ln-lives", model_width="32")
    assert "1 other setting differs from the preset" in [box.label for box in app.expander]


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_itself_differs_in_nothing(name):
    app = opened(preset=name)
    assert not [box for box in app.expander if "from the preset" in box.label]


def test_the_address_then_what_was_kept_decides(monkeypatch):
    monkeypatch.setattr("dashboard.ui.kept.kept", lambda cookie: "all")
    assert opened().button_group(key="lab_view").value == "all"
    assert opened(lab_view="simple").button_group(key="lab_view").value == "simple"
    monkeypatch.setattr("dashboard.ui.kept.kept", lambda cookie: "of an older version")
    assert opened().button_group(key="lab_view").value == "simple"


def test_help_says_what_a_switch_does_now():
    app = opened(model_placement="post", lab_view="all")
    assert "Now: y = N(x + F(x)). Every norm rescales" in widget(app, "model_placement").help
