"""Colours are told apart from their grounds by everybody."""

import itertools

import pytest

from dashboard import palette

GROUNDS = ("ground", "sidebar", "card")
TEXTS = [n for n in palette.LIGHT if n.endswith("_text")] + ["ink", "muted"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_reaches_4_5_to_1_on_every_ground(mode):
    colours = palette.COLOURS[mode]
    texts = {n: colours[n] for n in TEXTS}
    texts |= {f"run {i}": c for i, c in enumerate(palette.RUNS_TEXT[mode])}
    short = {
        (name, ground): round(palette.contrast(colour, colours[ground]), 2)
        for name, colour in texts.items()
        for ground in GROUNDS
        if palette.contrast(colour, colours[ground]) < 4.5
    }
    assert not short


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_run_colours_differ_and_do_not_vanish(mode):
    runs, card = palette.RUNS[mode], palette.COLOURS[mode]["card"]
    assert len(runs) == 8
    assert all(palette.contrast(c, card) > 1.9 for c in runs)

    def distance(a, b):
        return sum((int(a[i : i + 2], 16) - int(b[i : i + 2], 16)) ** 2 for i in (1, 3, 5)) ** 0.5

    assert min(distance(a, b) for a, b in itertools.combinations(runs, 2)) > 45


def test_both_modes_have_the_same_names():
    assert palette.LIGHT.keys() == palette.DARK.keys()
