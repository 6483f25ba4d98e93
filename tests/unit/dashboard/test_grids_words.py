"""What the matrix says of a cell, and the top bar of a grid: the browser's own functions."""

import json
import shutil
import subprocess

import pytest

from dashboard.assets import SOURCES, data

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

STAGE = """
class Card {}
const el = () => ({})
const say = (node, text) => (node.text = text)
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.round(s % 60)).padStart(2, "0")}`
const hub = { runs: new Map(Object.entries(LIVE_RUNS)) }
"""


def ask(expression: str, live: dict | None = None) -> object:
    """The value of a JavaScript expression beside the two files."""
    files = [(SOURCES / name).read_text("utf-8") for name in ("text.js", "matrix.js")]
    stage = STAGE.replace("LIVE_RUNS", json.dumps(live or {}))
    script = "\n".join(
        [data().decode(), stage, *files, f"console.log(JSON.stringify({expression}))"]
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judge(*members: dict, live: dict | None = None, **cell: str) -> dict:
    """What a cell of these runs says."""
    runs = [{"id": str(i), "step": 0, "steps": 10, **one} for i, one in enumerate(members)]
    made = json.dumps({"members": runs})
    of = json.dumps({"runs": list(range(len(runs))), **cell})
    view = f"Object.assign(Object.create(Matrix.prototype), {{ props: {made} }})"
    found = ask(f"Matrix.prototype.judge.call({view}, {of})", live)
    assert isinstance(found, dict)
    return found


def run(kind: str, loss: float | None = None, state: str = "finished") -> dict:
    return {"kind": kind, "loss": loss, "state": state}


def test_runs_of_one_fate():
    cell = judge(run("learned", 2.3), run("learned", 2.5))
    assert (cell["kind"], cell["text"], cell["of"]) == ("learned", "2.40", 2)
    assert cell["value"] == pytest.approx(2.4)
    dead = judge(run("plateau", 3.31), run("above", 3.41))
    assert (dead["kind"], dead["text"]) == ("dead", "3.36")
    assert judge(run("diverged"), run("diverged"))["text"] == "diverged"
    assert judge(run("too_early", 4.1))["kind"] == "plain"
    assert judge(run("failed"))["text"] == "failed"
    assert judge(run("stopped", 3.9))["small"] == "stopped"


def test_runs_of_several_fates_average_those_that_learned():
    cell = judge(run("learned", 2.2), run("plateau", 3.3), run("diverged"))
    assert (cell["kind"], cell["text"], cell["small"]) == ("mixed", "2.20", "1 of 3 learned")
    assert cell["value"] == pytest.approx(2.2)
    lost = judge(run("plateau", 3.3), run("diverged"))
    assert (lost["kind"], lost["small"]) == ("diverged", "1 of 2 diverged")


def test_live_runs_show_how_far_they_are():
    live = {"1": {"loaded": True, "state": "running", "step": 5, "steps": 10, "loss": 3.0}}
    cell = judge(run("learned", 2.2), run("live", state="queued"), live=live)
    assert (cell["kind"], cell["text"], cell["small"]) == ("live", "3.00", "1 of 2 done")
    assert cell["share"] == pytest.approx(0.75)
    assert judge(run("live", state="queued"))["text"] == "waiting"
    assert judge(run("live", state="paused"))["text"] == "paused"


def test_what_a_paused_grid_holds_back_is_paused():
    def said(**grid: int) -> object:
        told = json.dumps(
            {"props": {"grid": "g", "members": [{"kind": "live", "state": "queued"}]}}
        )
        view = f"Object.assign(Object.create(Matrix.prototype), {told})"
        counts = json.dumps({"grids": [{"id": "g", **grid}]})
        return ask(f"(hub.counts = {counts}, {view}.judge({{ runs: [0] }}).text)")

    assert said(paused=3, waiting=0) == "paused"
    assert said(paused=1, waiting=2) == "waiting"


def test_cells_without_runs():
    assert judge(reason="deepnorm needs placement post")["text"] == "not possible"
    assert judge()["kind"] == "empty"


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
        " bar.body.text))({ body: {} }))"
    )
    assert ask(script) == words
