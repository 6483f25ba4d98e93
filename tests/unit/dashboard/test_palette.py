"""Text reaches 4.5 : 1 on every ground; the theme file and the palette say the same."""

import re
import tomllib
from pathlib import Path

import pytest

from core.palette import COLOURS, LEARNED, RUNS, RUNS_TEXT, contrast
from dashboard.web import style

ROOT = Path(__file__).resolve().parents[3]
GROUNDS = ("ground", "sidebar", "card")
FILLS = ("add", "norm", "attention", "feedforward", "warning")
TEXTS = (
    "ink",
    "muted",
    "add_text",
    "norm_text",
    "attention_text",
    "feedforward_text",
    "warning_text",
)


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_readable(mode, ground, text):
    assert contrast(COLOURS[mode][text], COLOURS[mode][ground]) >= 4.5


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_names_of_runs_are_readable(mode, ground):
    for colour in RUNS_TEXT[mode]:
        assert contrast(colour, COLOURS[mode][ground]) >= 4.5


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_lines_and_fills_are_seen(mode, ground):
    """WCAG 1.4.11; rules and grids only part what is told apart without them."""
    colours = COLOURS[mode]
    seen = {name: colours[name] for name in FILLS} | dict(enumerate(RUNS[mode]))
    found = {name: round(contrast(one, colours[ground]), 2) for name, one in seen.items()}
    assert {name: ratio for name, ratio in found.items() if ratio < 3} == {}


@pytest.mark.parametrize("mode", COLOURS)
def test_words_in_the_cells_of_a_grid_are_readable(mode):
    for cell in LEARNED[mode]:
        assert contrast(COLOURS[mode]["ink"], cell) >= 4.5
    for text in ("warning_text", "ink"):
        assert contrast(COLOURS[mode][text], COLOURS[mode]["dead"]) >= 4.5


@pytest.mark.parametrize("mode", COLOURS)
def test_words_on_the_main_button_are_readable(mode):
    # .stButton button[kind="primary"] in frontend/css/base.css
    assert contrast(COLOURS[mode]["ground"], COLOURS[mode]["ink"]) >= 4.5


@pytest.mark.parametrize("mode", COLOURS)
def test_runs_have_colours_of_their_own(mode):
    assert len(set(RUNS[mode])) == len(RUNS[mode]) == 8


def test_words_on_the_chosen_switches_are_readable():
    # .st-key-model_residual and .st-key-model_placement in frontend/css/lab.css
    assert contrast("#1d2136", COLOURS["light"]["add"]) >= 4.5
    assert contrast("#ffffff", COLOURS["light"]["norm"]) >= 4.5
    assert contrast("#11131c", COLOURS["dark"]["add"]) >= 4.5
    assert contrast("#11131c", COLOURS["dark"]["norm"]) >= 4.5


@pytest.mark.parametrize("mode", COLOURS)
def test_theme_has_the_palette(mode):
    theme = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"][mode]
    colours = COLOURS[mode]
    assert theme["backgroundColor"] == colours["ground"]
    assert theme["secondaryBackgroundColor"] == colours["card"]
    assert theme["textColor"] == colours["ink"]
    assert theme["borderColor"] == colours["line"]
    assert theme["sidebar"]["backgroundColor"] == colours["sidebar"]
    assert theme["orangeTextColor"] == colours["add_text"]
    assert theme["greenTextColor"] == colours["norm_text"]
    assert tuple(theme["chartCategoricalColors"]) == RUNS[mode]


def test_style_names_every_colour_that_it_uses():
    sheet = style.of_pages()
    used = set(re.findall(r"var\(--([\w-]+)", sheet))
    used = {name for name in used if not name.startswith("st-")}  # Streamlit's own
    defined = set(re.findall(r"[{;\s]--([\w-]+):", sheet))
    defined |= {"run", "dash", "rt-columns", "rt-width", "w"}  # table.js sets these
    assert used <= defined
    assert {name.replace("_", "-") for name in COLOURS["light"]} <= defined


def test_the_logo_follows_the_theme_of_the_page_by_itself() -> None:
    drawn = (ROOT / "assets" / "logo" / "logo.svg").read_text(encoding="utf-8")
    light, _, dark = drawn.partition("@media (prefers-color-scheme: dark)")
    for style_, half in (("light", light), ("dark", dark)):
        for name in ("add", "norm", "ink"):
            assert f"fill:{COLOURS[style_][name]}" in half, (style_, name)
