"""What the top bar says of a grid: the browser's own functions."""

import json

import pytest

from tests.javascript import evaluate


def ask(expression: str) -> object:
    """The value of a JavaScript expression beside the browser's modules."""
    return evaluate(f"return {expression}")


def test_the_top_bar_tells_how_far_a_grid_is():
    grid = {"total": 24, "done": 19, "training": 2, "waiting": 3, "paused": 0, "diverged": 0}
    grid |= {"failed": 0, "stopped": 0, "seconds_left": 48}
    words = ask(f"gridWords({json.dumps(grid)})")
    assert words == "grid of 24 · 19 done · 2 training · 0:48 left"
    held = {**grid, "training": 0, "waiting": 0, "paused": 5, "diverged": 4, "seconds_left": None}
    words = ask(f"gridWords({json.dumps(held)})")
    assert words == "grid of 24 · 19 done · 5 paused · 4 diverged"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"training": 1, "paused": 0, "waiting": 2}, "grid of 3 · 0 done · 1 training"),
        ({"training": 2, "paused": 0, "waiting": 2}, "2 training · 2 waiting"),
    ],
)
def test_a_grid_among_other_runs_is_part_of_their_sum(counts, words):
    grid = {"total": 3, "done": 0, "training": 1, "waiting": 2, "paused": 0, "diverged": 0}
    told = {**counts, "grids": [{**grid, "failed": 0, "stopped": 0, "seconds_left": None}]}
    script = (
        f"(hub.counts = {json.dumps(told)}, (bar => (Topbar.prototype.tick.call(bar),"
        " bar.body.textContent))({ body: {} }))"
    )
    assert ask(script) == words
