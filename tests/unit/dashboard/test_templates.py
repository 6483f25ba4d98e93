"""The templates: what is put into one is escaped, and each of them is there and used."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from dashboard.ui.templates import FOLDER, render

DASHBOARD = Path(__file__).resolve().parents[3] / "dashboard"


def test_what_is_put_in_is_escaped_and_our_own_parts_are_not() -> None:
    said = render("problem", sentence="<b>&</b>")
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in said
    assert render("problem", sentence=Markup("<b>ours</b>")).count("<b>") == 1
    assert "&lt;i&gt;" in render("heading", title="<i>", note="<i>", below="")
    assert "card-note" not in render("heading", title="a", note="", below="")


def test_a_value_that_is_forgotten_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("problem")


def test_every_template_is_used_and_every_used_one_is_there() -> None:
    source = "".join(path.read_text("utf-8") for path in DASHBOARD.rglob("*.py"))
    used = set(re.findall(r'render\(\s*"([\w/]+)"', source))
    templates = "".join(path.read_text("utf-8") for path in FOLDER.rglob("*.html"))
    used |= set(re.findall(r'{% (?:extends|from|import|include) "([\w/]+)\.html"', templates))
    there = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.html")}
    assert used == there
    assert FOLDER.is_relative_to(DASHBOARD), "the wheel takes whatever lies in the package"
