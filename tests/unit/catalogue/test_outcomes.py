"""One rule for a cell of "Which trained?": what it says of mixed runs, and of how many."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.catalogue import index as catalogue
from core.catalogue.outcomes import Outcome, cell
from core.config.alike import experiment_key
from dashboard import api
from dashboard.compare import matrix
from dashboard.report import paper
from dashboard.report.series import groups
from tests.fake_runs import LiveFakeRun, finished


def ran(kind, loss=None, state="finished", step=100, experiment=None):
    return Outcome(kind, state, step, 100, loss, experiment or object())


GOOD = ran("learned", 2.0)
DEAD = ran("plateau", 3.0)
NAN = ran("diverged", None, "diverged")
YOUNG = ran("too_early", 4.0)
STOPPED = ran("stopped", 2.5, "stopped", 40)
FAILED = ran("failed", 2.2, "failed")
REPEAT = [ran("learned", 2.0, experiment="a"), ran("learned", 2.0, experiment="a"),
          ran("learned", 4.0, experiment="b")]  # fmt: skip
LIVE = ran("live", 2.75, "running", 30)
WAITS = ran("live", None, "queued", 0)
HELD = ran("live", None, "paused", 0)

TABLE = {
    "one learned": ([GOOD], "learned", "2.00", "", 1),
    "all learned": ([GOOD, ran("learned", 3.0)], "learned", "2.50", "mean of 2", 2),
    "learned and dead": ([GOOD, DEAD], "mixed", "2.50", "mean of 2, 1 learned", 2),
    "learned and lost": ([GOOD, NAN, NAN], "mixed", "2.00", "mean of 1 of 3, 1 learned", 1),
    "learned and early": ([GOOD, YOUNG], "mixed", "3.00", "mean of 2, 1 learned", 2),
    "learned and stopped": ([GOOD, STOPPED], "mixed", "2.00", "mean of 1 of 2, 1 learned", 1),
    "all dead": ([DEAD, ran("above", 4.0)], "dead", "3.50", "mean of 2, none learned", 2),
    "all lost": ([NAN, NAN], "diverged", "diverged", "2 runs", 0),
    "lost and failed": ([NAN, NAN, FAILED], "diverged", "diverged", "2 of 3", 0),
    "one dead": ([DEAD], "dead", "3.00", "", 1),
    "one lost": ([NAN], "diverged", "diverged", "", 0),
    "one early": ([YOUNG], "plain", "4.00", "too early to judge", 1),
    "one stopped": ([STOPPED], "stopped", "stopped", "at 40", 0),
    "repeats count once": (REPEAT, "learned", "3.00", "mean of 3", 3),
    "one trains": ([LIVE], "live", "2.75", "training", 0),
    "one waits": ([WAITS], "live", "waiting", "", 0),
    "held back": ([HELD, HELD], "live", "paused", "0 of 2 done", 0),
    "one of three done": ([GOOD, LIVE, WAITS], "live", "2.00", "mean of 1 of 3 so far", 1),
    "nothing": ([], "empty", "", "", 0),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_a_cell_says(name):
    runs, kind, text, small, count = TABLE[name]
    found = cell(runs)
    assert (found.kind, found.text, found.small, found.count) == (kind, text, small, count)
    assert found.of == len(runs)
    assert cell(runs[::-1]).text == text, "in any order"


def test_an_impossible_cell_says_why():
    found = cell([], "DeepNorm needs post")
    assert (found.kind, found.text, found.said) == (
        "impossible", "not possible", "DeepNorm needs post",
    )  # fmt: skip


def test_page_browser_and_report_say_the_same(store, monkeypatch):
    """Pre and post are a column each by depth, with seeds that came to different ends."""
    fates = {"pre": ("lives", "diverges", "diverges"), "post": ("lives", "plateau", "plateau")}
    for placement, own in fates.items():
        for seed, fate in enumerate(own):
            finished(
                store, f"{placement} {seed}", fate, steps=130,
                model__placement=placement, training__seed=seed,
            )  # fmt: skip
    entries = catalogue.entries(store)
    found = matrix.axes(entries)
    down = ("model.placement", found["model.placement"])
    table = matrix.cells(entries, down, (None, [""]))
    page = [row[0] for row in matrix.judged(table, matrix.outcomes(entries))]
    assert [one["kind"] for one in page] == ["mixed", "mixed"]
    assert page[0]["small"] == "mean of 1 of 3, 1 learned"
    monkeypatch.setenv("ADDNORM_RUNS", str(store.root))
    asked = ",".join("~".join(entries[i].id for i in one["runs"]) for one in page)
    client = TestClient(Starlette(routes=api.ROUTES))
    heard = client.get("/api/cells", params={"cells": asked}).json()["cells"]
    assert heard == [{k: v for k, v in one.items() if k != "runs"} for one in page]
    made = paper.matrix(groups(store.list()))
    report = {column[0]: one.for_browser() for (_, column), one in made.cells.items()}
    assert [report["pre"], report["post"]] == heard
    html = paper.matrix_table(made, 1)
    assert all(f"{one['text']}<small>{one['small']}</small>" in html for one in heard)


def test_a_live_cell_is_judged_by_the_server(store):
    run = LiveFakeRun(store, steps=200, rate=0.001).start(at=60)
    try:
        client = TestClient(Starlette(routes=api.ROUTES))
        [found] = client.get("/api/cells", params={"cells": run.run.id}).json()["cells"]
        assert (found["kind"], found["small"], found["share"]) == ("live", "training", 0.3)
        gone = client.get("/api/cells", params={"cells": "no-such-run"}).json()["cells"]
        assert gone[0]["kind"] == "empty"
    finally:
        run.stop()
    assert experiment_key(run.run.config.flat())
