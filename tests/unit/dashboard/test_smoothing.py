"""A smoothed line knows nothing that comes later, and begins anew where the network does."""

import numpy as np
import pytest

from core.metrics.downsample import Series, band
from tests.javascript import evaluate

SMOOTH = """
const scale = { extent, log, starts }
const cells = cellsOf(series)
return { places: cells.map((c) => c.end), values: smoothed(cells, weight, scale) }
"""


def smooth(values, weight=0.9, extent=1000, log=False, starts=(), steps=None):
    """Steps and smoothed values as the browser makes them, thinned by the server as they are."""
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    own = Series(0)
    own.append(steps, np.asarray(values, dtype=np.float32))
    found = own.since(0)
    means = None if found.means is None else found.means.tolist()
    begins = sorted({s // found.width * found.width for s in found.steps.tolist()})
    series = {
        "steps": found.steps.tolist(),
        "values": [None if np.isnan(v) else v for v in found.values.tolist()],
        "means": means or [],
        "buckets": begins if means else [],
        "width": found.width if means else 1,
    }
    reply = evaluate(
        SMOOTH, series=series, weight=weight, extent=extent, log=log, starts=list(starts)
    )
    return reply["places"], reply["values"]


@pytest.mark.parametrize("weight", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("rows", [400, 5000])  # every row a point, and thinned
def test_nothing_is_known_before_it_happens(rows, log, weight):
    quiet = np.sin(np.arange(rows) / 30)
    event = rows // 2 + 3
    loud = np.where(np.arange(rows) >= event, 9.0, quiet)
    places, without = smooth(quiet, weight, rows, log)
    same, with_event = smooth(loud, weight, rows, log)
    assert places == same
    before = [i for i, step in enumerate(places) if step < event]
    assert len(before) > 100
    assert [without[i] for i in before] == [with_event[i] for i in before]
    assert with_event[-1] > without[-1] + 1, "it does follow the event afterwards"


@pytest.mark.parametrize("rows", [400, 5000])
def test_the_average_begins_anew_at_a_switch(rows):
    switch = rows // 2 + 5
    values = np.where(np.arange(rows) < switch, 2.0, 4.0)
    places, line = smooth(values, 0.99, rows, starts=[switch])
    width = places[1] - places[0]
    for step, value in zip(places, line, strict=True):
        if step < switch:
            assert value == pytest.approx(2)
        elif step - width >= switch:
            assert value == pytest.approx(4), "nothing of the network before is in it"
    _, through = smooth(values, 0.99, rows)
    later = next(i for i, step in enumerate(places) if step > switch + width)
    assert through[later] < 3, "without the switch it is one average"


def test_the_average_begins_anew_behind_a_gap_and_what_is_no_number():
    steps = [*range(50), *range(300, 350)]
    places, line = smooth([1.0] * 50 + [3.0] * 50, 0.99, 400, steps=steps)
    assert places == steps
    assert line[49] == pytest.approx(1)
    assert line[50] == pytest.approx(3)
    values = [1.0] * 50 + [np.nan] * 3 + [3.0] * 50
    _, line = smooth(values, 0.99, 400)
    assert line[50:53] == [None] * 3
    assert line[49] == pytest.approx(1)
    assert line[53] == pytest.approx(3)


def test_a_sparse_series_has_no_gaps():
    """Validation is measured every so many steps, and once more at the end."""
    steps = [*range(0, 1000, 50), 999]
    _, line = smooth(np.linspace(4, 2, len(steps)), 0.9, 1000, steps=steps)
    assert all(b > 2 + 1e-6 for b in line[1:]), "each is an average with what was before"


def test_each_point_stands_on_a_step_and_they_rise():
    rows = np.random.default_rng(0).normal(size=5000)
    places, line = smooth(rows, 0.9, 5000)
    assert places == sorted(set(places))
    assert places[-1] == 4999
    assert len(line) == len(places)
    few, line = smooth(rows[:300], 0.9, 5000)
    assert few == list(range(300))
    assert None not in line


def test_the_events_of_a_run_are_its_starts():
    code = """
    const chart = Object.create(Courses.prototype)
    hub.run("a").alarms = [
      [3, "warning", ""], [40, "switch", ""], [20, "restart", ""], [40, "switch", ""]]
    hub.run("b").alarms = [[7, "switch", ""]]
    chart.props = {}
    const pair = Object.create(Difference.prototype)
    pair.props = { runs: [{ id: "a" }, { id: "b" }] }
    return [chart.starts([{ id: "a" }]), pair.starts()]
    """
    assert evaluate(code) == [[20, 40], [7, 20, 40]]


def test_a_runs_line_is_the_same_beside_others_and_alone():
    code = """
    const chart = Object.create(Courses.prototype)
    chart.props = { metric: "m", smooth: 0.9, x: "tokens" }
    for (const [id, last, steps] of [["short", 200, 200], ["long", 9000, 10000]]) {
      Object.assign(hub.run(id), { steps, state: "running" })
      const series = { steps: [0, last], values: [1, 2], buckets: [], means: [], width: 1 }
      hub.run(id).series.set("m", series)
    }
    const all = [{ id: "short", tokens_per_step: 64 }, { id: "long", tokens_per_step: 512 }]
    chart.props.runs = all
    return [chart.scale([all[0]]).extent, chart.scale([all[1]]).extent]
    """
    assert evaluate(code) == [200, 10000]


def test_the_reports_bucket_stands_where_its_rows_end():
    steps = np.arange(10)
    stack = np.stack([steps * 1.0, steps * 1.0])
    x, mean, _, _ = band(steps, stack, 3)
    assert x.tolist() == [3, 7, 9]
    assert mean.tolist() == [1.5, 5.5, 8.5]
