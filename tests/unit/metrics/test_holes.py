"""Rows that are missing are a gap in what is drawn and a sentence, and nothing else is changed."""

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from core.metrics.holes import broken, holes, sentence
from core.metrics.writer import SeriesWriter
from core.programs.rows import details
from core.runs import Run, RunStore
from core.verdicts.verdict import judge
from dashboard.live import feed
from tests import routes
from tests.fake_runs import Faker, config, finished


def test_a_longer_way_than_usual_is_a_hole() -> None:
    steps = np.array([0, 5, 10, 25, 30, 50])
    assert holes(steps, 5) == [(11, 24), (31, 49)]
    assert holes(steps, 0) == []
    assert holes(steps[:1], 5) == []
    values = np.arange(6, dtype=np.float32)
    at, drawn = broken(steps, values, 5)
    assert at.tolist() == [0, 5, 10, 11, 25, 30, 31, 50]
    np.testing.assert_array_equal(drawn, [0, 1, 2, np.nan, 3, 4, np.nan, 5])
    layers = np.repeat(values[:, None], 2, 1)
    assert broken(steps, layers, 5)[1].shape == (8, 2)
    assert broken(steps[3:], values[3:], 5, before=10)[0].tolist() == [11, 25, 30, 31, 50]
    assert broken(steps[:3], values[:3], 5)[0] is not None
    assert sentence(holes(steps, 5)).startswith("The rows of steps 11 to 24, 31 to 49 are missing")
    assert sentence([]) == ""


@pytest.fixture
def damaged(store: RunStore) -> Run:
    """A run whose steps were written ten at a time, of which the fourth flush is damaged."""
    run = store.create(config("damaged", steps=100))
    faker = Faker(run)
    faker.start()
    for first in range(0, 100, 10):
        faker.write(first, first + 10)
    path = run.path / "metrics" / "step-0000.arrow"
    content = bytearray(path.read_bytes())
    at = content.index(np.arange(30, 40).tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    run.write_status(run.record.model_copy(update={"state": "finished", "step": 100}))
    return run


def live(client: TestClient, run: Run) -> dict[str, Any]:
    feed.FEEDS.clear()
    [told] = client.get(f"/api/live?runs={run.id}&metrics=loss/train").json()["runs"]
    return dict(told)


def test_a_damaged_flush_is_a_gap_and_a_sentence(store: RunStore, damaged: Run) -> None:
    client = routes.client()
    steps, values = damaged.series("loss/train")
    assert steps.tolist() == [*range(30), *range(40, 100)]
    assert np.isfinite(values).all()
    told = live(client, damaged)
    assert "rows of steps 30 to 39 are missing" in told["message"]
    points = told["m"]["loss/train"]
    drawn = dict(zip(np.cumsum(points["s"]).tolist(), points["v"], strict=True))
    assert drawn[30] is None
    assert [step for step, value in drawn.items() if value is None] == [30]
    zoom = client.get(f"/api/series?run={damaged.id}&metric=loss/train&from=25&to=45").json()
    assert None in zoom["v"]
    assert json.loads(json.dumps(details(damaged)))["holes"] == {"step": [[30, 39]]}
    assert judge(damaged).kind != "diverged"


@pytest.mark.parametrize("first", ["damaged", "whole"])
def test_a_difference_breaks_where_a_row_of_either_is_missing(
    store: RunStore, damaged: Run, first: str
) -> None:
    pair = [damaged, finished(store, steps=100)]
    one, other = pair if first == "damaged" else reversed(pair)
    metric = f"difference/{other.id}/loss/train"
    client = routes.client()
    feed.FEEDS.clear()
    [told] = client.get(f"/api/live?runs={one.id}&metrics={metric}").json()["runs"]
    zoom = client.get(f"/api/series?run={one.id}&metric={metric}&to=1000").json()
    for points in (told["m"][metric], zoom):
        drawn = dict(zip(np.cumsum(points["s"]).tolist(), points["v"], strict=True))
        assert [step for step, value in drawn.items() if value is None] == [30]
        assert len(drawn) == 91


def test_a_difference_of_evaluations_at_other_intervals_has_no_holes(store: RunStore) -> None:
    """Every 10 and every 15 steps: both have rows every 30."""
    runs = []
    for every in (10, 15):
        run = store.create(config("evaluated", steps=100, training__evaluate_every=every))
        writer = SeriesWriter(run.path / "metrics", "evaluation", 0)
        steps = np.arange(0, 101, every)
        writer.write({"step": steps, "seconds": steps / 9, "loss/validation": steps / every})
        writer.close()
        runs.append(run)
    metric = f"difference/{runs[1].id}/loss/validation"
    found = routes.client().get(f"/api/series?run={runs[0].id}&metric={metric}").json()
    assert np.cumsum(found["s"]).tolist() == [0, 30, 60, 90]
    assert found["v"] == [0, 1, 2, 3]


def test_a_whole_run_has_no_holes(store: RunStore) -> None:
    run = finished(store, steps=60)
    assert run.holes == {}
    assert "message" not in live(routes.client(), run)
