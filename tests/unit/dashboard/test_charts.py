"""What the charts' pure parts promise: readable text, axes with ticks, labels that keep clear."""

import itertools
import re
from pathlib import Path

import pytest

from core.palette import run_dash
from tests.javascript import evaluate

ROOT = Path(__file__).resolve().parents[3]
LEAST = 12  # px, of any text on a screen
SIZES = {
    "*.css": r"font(?:-size)?:[^;{}]*?(?<![\d.])(\d+(?:\.\d+)?)px",
    "*.js": r"(?:font = `[^`]*?|`(?:\d{3} )?)(\d+(?:\.\d+)?)px|font: \{ size: (\d+(?:\.\d+)?)",
    "*.py": r"font\"?[:=] ?\{[^{}]*?\"size\": (\d+(?:\.\d+)?)|font-size[:=]\"?(\d+(?:\.\d+)?)",
}


@pytest.mark.parametrize("kind", SIZES)
def test_no_text_is_smaller_than_twelve_pixels(kind):
    folders = ["dashboard"]
    found = []
    for path in sorted(p for f in folders for p in (ROOT / f).rglob(kind)):
        for match in re.finditer(SIZES[kind], path.read_text(encoding="utf-8")):
            size = float(next(group for group in match.groups() if group))
            found.append((size, path.name, match.group(0)))
    assert len(found) > 5, "the pattern finds sizes"
    assert [one for one in found if one[0] < LEAST] == []


@pytest.mark.parametrize(
    "ends",
    [(2.1, 4.9), (0.03, 0.09), (0.9, 1.1), (3.30, 3.34), (1e-6, 1e4), (1, 1000), (4, 6), (0.5, 30)],
)
def test_a_logarithmic_axis_has_at_least_two_labelled_ticks(ends):
    code = "return [aired(...ends, true), logTicks(aired(...ends, true))]"
    (low, high), ticks = evaluate(code, ends=ends)
    shown = [v for v in ticks["tickvals"] if 10**low <= v * (1 + 1e-9) and v <= 10**high * 1.0001]
    assert 2 <= len(shown) <= 14
    assert len(set(ticks["ticktext"])) == len(ticks["ticktext"]), "each says another number"


@pytest.mark.parametrize("height", [0, 20, 46, 300])
@pytest.mark.parametrize("y", [None, 2.5])
def test_labels_are_never_placed_at_what_is_no_number(height, y):
    code = """
    const chart = Object.create(Chart.prototype)
    chart.theme = { card: "#ffffff" }
    globalThis.faded = () => ""
    const layout = { width: 400, height, margin: { t: 8, b: 38, l: 52, r: 40 }, annotations: [],
      yaxis: { range: [0, 5], type: "linear" }, xaxis: { range: [0, 9], type: "linear" } }
    const nowhere = { x: undefined, y: 1, text: "b", colour: "#000" }
    chart.endLabels(layout, [{ x: 9, y, text: "a", colour: "#000" }, nowhere])
    return [drawable(400, height), layout.annotations.map((a) => [String(a.x), String(a.y)])]
    """
    drawable, places = evaluate(code, height=height, y=y)
    assert drawable == (height == 300)
    assert len(places) == (1 if height == 300 and y is not None else 0)
    assert all("NaN" not in p and "undefined" not in p for place in places for p in place)


def test_runs_that_share_a_colour_differ_in_dash_the_same_in_python_and_in_the_browser():
    looks = evaluate("return Array.from({ length: 32 }, (_, i) => [i % 8, runDash({ colour: i })])")
    assert looks == [[i % 8, run_dash(i)] for i in range(32)]
    assert len({tuple(look) for look in looks}) == 32


def test_end_labels_stand_in_their_own_gutter_and_never_overlap():
    code = """
    globalThis.faded = () => ""
    const chart = Object.create(Chart.prototype)
    chart.theme = { card: "#ffffff" }
    const layout = { width: 400, height: 200, margin: { t: 8, b: 38 }, annotations: [],
      yaxis: { range: [0, 5], type: "linear" } }
    chart.endLabels(layout, Array.from({ length: 14 }, (_, i) =>
      ({ x: i, y: 2 + i / 100, text: "a", full: "whole name", colour: "#000" })))
    return layout.annotations
    """
    labels = evaluate(
        "globalThis.faded = () => ''; Chart.prototype.theme = { card: '#fff' };" + code
    )
    assert 5 < len(labels) <= 11, "as many as there is room for"
    assert all(label["xref"] == "paper" and label["x"] == 1 for label in labels)
    assert all(label["hovertext"] == "whole name" for label in labels)
    places = sorted(label["y"] * 154 for label in labels)
    assert all(b - a > 13.9 for a, b in itertools.pairwise(places))
