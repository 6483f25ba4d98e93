"""The live protocol: what a browser ends up with is what the run's files say."""

import json
import math

import numpy as np
import pytest

from core.metrics.downsample import WAITING, Series
from core.metrics.limits import POINTS
from core.metrics.writer import SeriesWriter
from core.runs import RunStore
from dashboard.live import feed as live
from dashboard.web import assets
from tests import routes
from tests.fake_runs import Faker, LiveFakeRun, config, finished
from tests.javascript import evaluate

METRICS = ("loss/train", "grad_norm/block", "activation/rms/resid_post", "loss/validation")


class Polls:
    """A client that polls as a tab does; what it was told goes through the browser's own hub."""

    def __init__(self, client, ids, metrics=METRICS, **extra):
        self.client, self.ids, self.metrics, self.extra = client, ids, metrics, extra
        asks = {id: [*metrics] for id in ids}
        if "focus" in extra:
            asks[extra["focus"]].append(extra["layers"])
        self.cursors = {id: dict.fromkeys(["", *asks[id]], "") for id in ids}
        self.bytes: list[int] = []
        self.replies: list[list[dict]] = []
        self._points: tuple[int, dict] = (-1, {})

    def tick(self):
        since = ",".join("~".join(self.cursors[id].values()) for id in self.ids)
        query = {"runs": ",".join(self.ids), "since": since, "metrics": ",".join(self.metrics)}
        reply = self.client.get("/api/live", params={**query, **self.extra})
        assert reply.status_code == 200, reply.text
        self.bytes.append(len(reply.content))
        self.replies.append(reply.json()["runs"])
        for id, run in zip(self.ids, self.replies[-1], strict=True):
            if "events" in run:
                self.cursors[id][""] = run["events"]["cursor"]
            for metric, news in run.get("m", {}).items():
                if "missing" in news:
                    continue
                steps = np.cumsum(news["s"]).tolist()
                assert steps == sorted(set(steps)), f"{metric} runs backwards or says a step twice"
                self.cursors[id][metric] = news["c"]
        return reply.json()

    @property
    def points(self):
        """By run and metric what the hub draws, value by step, after all replies so far."""
        if self._points[0] != len(self.replies):
            code = """
            for (const runs of replies) runs.forEach((run, i) => hub.take(ids[i], run, ""))
            return ids.map((id) => Object.fromEntries([...hub.run(id).series].map(
              ([metric, { steps, values }]) => [metric, [steps, values]])))
            """
            found = evaluate(code, ids=self.ids, replies=self.replies)
            points = {id: {m: {} for m in self.cursors[id] if m} for id in self.ids}
            for id, series in zip(self.ids, found, strict=True):
                for metric, (steps, values) in series.items():
                    assert steps == sorted(set(steps)), f"{metric} is drawn over itself"
                    points[id][metric] = dict(zip(steps, values, strict=True))
            self._points = (len(self.replies), points)
        return self._points[1]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path))
    return RunStore(tmp_path)


@pytest.fixture
def client(store):
    return routes.client()


def trainer(store, steps, name="a", **flat):
    run = store.create(config(name, steps, **flat))
    faker = Faker(run)
    faker.start()
    return run, faker


ASKED_TWICE = {
    "headline": lambda id: {"headline": id},
    "latest": lambda id: {"latest": "loss/train,loss/train,grad_norm/block"},
    "own": lambda id: {"own": "0~loss/train~loss/train"},
    "focus": lambda id: {"focus": id, "layers": "grad_norm/block"},
    "all": lambda id: {"headline": id, "latest": "loss/validation", "own": "0~loss/train"},
}


@pytest.mark.parametrize("way", ASKED_TWICE)
@pytest.mark.parametrize("steps", [300, 6000])
def test_a_metric_asked_for_in_several_ways_is_read_once(store, client, way, steps):
    run, faker = trainer(store, steps)
    metrics = ["loss/train", "loss/validation", "grad_norm/block"]
    browser = Polls(client, [run.id], metrics)
    at = 0
    # The views of a page ask one after the other, and again in other ways.
    for tick, more in enumerate([5, 30, 0, 64, 120, 1, 1000, 4000]):
        upto = min(at + more, steps)
        faker.write(at, upto)
        at = upto
        browser.extra = {} if tick % 3 == 1 else ASKED_TWICE[way](run.id)
        browser.tick()
    stream = live.feed(run.id)
    for metric in metrics:
        known, _ = run.series(metric)
        series = stream._stream(stream.cadence(metric)).series[metric]
        assert series.rows == len(known)
        if steps == 300:
            assert list(browser.points[run.id][metric]) == known.tolist()


@pytest.mark.parametrize("steps", [[4], [3, 5], [5, 7, 6], [5, 5]])
def test_rows_are_never_taken_out_of_order(steps):
    series = Series(0)
    series.append(np.arange(5), np.zeros(5, np.float32))
    with pytest.raises(ValueError, match="after step 4"):
        series.append(np.array(steps), np.ones(len(steps), np.float32))
    assert series.since(0).steps.tolist() == [0, 1, 2, 3, 4], "what was refused left nothing behind"


@pytest.mark.parametrize("steps", [300, 6000])
def test_ticks_give_the_same_points_as_one_read(store, client, steps):
    run, faker = trainer(store, steps)
    browser = Polls(client, [run.id])
    at = 0
    for more in [1, 7, 0, 40, 3, 129, 64, 1000, 17]:
        upto = min(at + more, steps)
        faker.write(at, upto)
        at = upto
        browser.tick()
    live.FEEDS.clear()  # another process, later
    fresh = Polls(client, [run.id])
    fresh.tick()
    assert browser.points == fresh.points
    known, values = run.series("loss/train")
    exact = dict(zip(known.tolist(), values.tolist(), strict=True))
    points = browser.points[run.id]["loss/train"]
    assert all(math.isclose(exact[s], v, rel_tol=1e-5) for s, v in points.items())
    assert max(points.values()) == pytest.approx(values.max(), rel=1e-5)  # spikes stay
    assert min(points.values()) == pytest.approx(values.min(), rel=1e-5)
    if steps == 300:
        assert len(points) == at


def test_finished_buckets_never_move_and_stay_few(store, client):
    run, faker = trainer(store, 20_000)
    browser = Polls(client, [run.id], ["loss/train"])

    def grown(first, last):
        faker.write(first, last)
        browser.tick()
        points = browser.points[run.id]["loss/train"]
        assert len(points) <= POINTS + 2
        return dict(points)

    early = grown(0, 90)
    assert list(early) == list(range(90)), "a young run is drawn step by step"
    before = grown(90, 5000)
    after = grown(5000, 7000)  # the width of 16 steps still does
    finished = 5000 // 16 * 16
    assert [x for x in before.items() if x[0] < finished] == [
        x for x in after.items() if x[0] < finished
    ]
    late = grown(7000, 20_001)  # twice twice as wide: neighbours were merged
    assert len(late) > POINTS / 2
    assert {s for s in late if s < finished} <= set(after)
    assert max(late.values()) == max(*after.values(), *late.values())
    assert min(v for s, v in late.items() if s < 6976) == min(
        v for s, v in after.items() if s < 6976
    )


def test_nothing_new_says_nothing(store, client):
    run = finished(store)
    browser = Polls(client, [run.id])
    browser.tick()
    quiet = browser.tick()["runs"][0]
    assert "m" not in quiet
    assert "events" not in quiet


@pytest.mark.parametrize("steps", [300, 6000])
def test_a_resume_truncates(store, client, steps):
    run, faker = trainer(store, steps)
    browser = Polls(client, [run.id])
    faker.write(0, 203)
    browser.tick()
    faker.start(101)  # from a checkpoint
    faker.write(101, 137)
    browser.tick()
    assert max(browser.points[run.id]["loss/train"]) == 136
    fresh = Polls(client, [run.id])
    fresh.tick()
    assert browser.points == fresh.points
    # Another resume while the tab was hidden, through a server that was restarted.
    faker.start(64)
    faker.write(64, 70)
    faker.start(70)
    faker.write(70, 90)
    live.FEEDS.clear()
    browser.tick()
    fresh = Polls(client, [run.id])
    fresh.tick()
    assert browser.points == fresh.points
    assert max(browser.points[run.id]["loss/train"]) == 89
    faker.close()


def test_not_a_number_survives(store, client):
    run, faker = trainer(store, 400)
    faker.fate = "diverges"
    faker.write(0, 200)
    browser = Polls(client, [run.id], headline=run.id)
    reply = browser.tick()["runs"][0]
    assert browser.points[run.id]["loss/train"][150] is None
    assert browser.points[run.id]["grad_norm/block"][150] == [None] * 6
    assert reply["loss"] == "NaN"
    json.loads(json.dumps(reply), parse_constant=pytest.fail)


def test_a_vanished_run_leaves_the_others(store, client):
    first, second = finished(store, "a"), finished(store, "b")
    browser = Polls(client, [first.id, second.id])
    browser.tick()
    store.delete(first.id)
    gone, there = browser.tick()["runs"]
    assert gone == {"gone": True}
    assert there["state"] == "finished"


def test_ten_runs_cost_little(store, client):
    fakes = [trainer(store, 10_000, f"run {i}", training__evaluate_every=500) for i in range(10)]
    ids = [run.id for run, _ in fakes]
    for _, faker in fakes:
        faker.write(0, 3000)
        faker.status("running", 3000)
    browser = Polls(
        client,
        ids,
        ["loss/train"],
        focus=ids[0],
        layers="grad_norm/block",
        latest="activation/rms/resid_post",
    )
    browser.tick()
    for at in range(3000, 3400, 20):
        for _, faker in fakes:
            faker.write(at, at + 20)
            faker.status("running", at + 20)
        browser.tick()
    print("bytes a tick, 10 runs:", np.mean(browser.bytes[1:]), max(browser.bytes[1:]))
    # A tick at which a run outgrows its points and gets them all anew is the exception.
    assert np.median(browser.bytes[1:]) <= 5000, browser.bytes
    assert sum(size > 6500 for size in browser.bytes[1:]) <= 2, browser.bytes
    short = [trainer(store, 800, f"short {i}") for i in range(10)]
    for _, faker in short:
        faker.write(0, 300)
        faker.status("running", 300)
    browser = Polls(client, [run.id for run, _ in short], ["loss/train"])
    browser.tick()
    for _, faker in short:
        faker.write(301, 321)  # every row is sent as it is
        faker.status("running", 321)
    browser.tick()
    print("bytes a tick, 10 unthinned runs:", browser.bytes[-1])
    assert browser.bytes[-1] <= 5000
    for _, faker in fakes + short:
        faker.close()


def test_events_come_once_and_the_newest_sample(store, client):
    run, faker = trainer(store, 400)
    faker.write(0, 101)
    faker.alarm(38, "plateau", "stuck")
    browser = Polls(client, [run.id])
    events = browser.tick()["runs"][0]["events"]
    assert events["alarms"] == [[38, "warning", "stuck"]]
    assert events["sample"][0] == 100
    faker.alarm(60, "learns", "better", "good")
    events = browser.tick()["runs"][0]["events"]
    assert events["alarms"] == [[60, "good", "better"]]
    assert events["from"] > 0
    faker.start(50)  # a resume forgets what came after its step
    events = browser.tick()["runs"][0]["events"]
    assert events["from"] == 0
    assert [alarm[:2] for alarm in events["alarms"]] == [[38, "warning"], [50, "restart"]]


def test_a_loss_is_stuck_by_what_was_said_of_it_alone(store, client):
    run, faker = trainer(store, 400)
    faker.write(0, 101)
    faker.alarm(20, "starvation", "no gradient")
    browser = Polls(client, [run.id])
    assert "stuck" not in browser.tick()["runs"][0]["events"]
    faker.alarm(38, "plateau", "stays")
    assert browser.tick()["runs"][0]["events"]["stuck"]
    faker.alarm(40, "starvation_left", "gradient", "good")
    assert browser.tick()["runs"][0]["events"]["stuck"]
    faker.alarm(60, "plateau_left", "falls", "good")
    assert "stuck" not in browser.tick()["runs"][0]["events"]


def test_counts_and_states(store, client):
    fake = LiveFakeRun(store, "alive", rate=200).start(at=20)
    waiting = store.create(config("waits"))
    counts = client.get("/api/live").json()["counts"]
    assert counts == {"training": 1, "paused": 0, "waiting": 1}
    reply = Polls(client, [fake.run.id, waiting.id]).tick()["runs"]
    assert [r["state"] for r in reply] == ["running", "queued"]
    fake.stop()
    assert Polls(client, [fake.run.id]).tick()["runs"][0]["state"] in ("stopped", "finished")


def test_series_in_a_range(store, client):
    run = finished(store, steps=5000)
    query = {"run": run.id, "metric": "loss/train", "points": 100, "from": 1000, "to": 1050}
    reply = client.get("/api/series", params=query).json()
    assert np.cumsum(reply["s"]).tolist() == list(range(1000, 1051))
    whole = client.get("/api/series", params={**query, "to": 5000}).json()
    assert len(whole["v"]) <= 100


def test_attention(store, client):
    run = finished(store)
    steps = client.get(f"/api/attention/{run.id}").json()["steps"]
    assert steps == run.snapshots.steps
    grid = client.get(f"/api/attention/{run.id}/{steps[-1]}")
    assert grid.headers["x-shape"] == "6,4,32,32"
    assert len(grid.content) == 6 * 4 * 32 * 32
    head = client.get(f"/api/attention/{run.id}/{steps[-1]}/2/1")
    assert head.headers["x-shape"] == "64,64"
    pattern = run.snapshots.pattern(steps[-1])[2, 1]
    assert np.array_equal(np.frombuffer(head.content, "<f4").reshape(64, 64), pattern)
    thumbs = np.frombuffer(grid.content, np.uint8).reshape(6, 4, 32, 32)
    assert thumbs[2, 1, 0, 0] == round(math.sqrt(pattern[:2, :2].max()) * 255)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/series?run=nope&metric=loss/train", 404, "no run nope"),
        ("/api/series?run=../..&metric=loss/train", 404, "no run"),
        ("/api/series?run={run}&metric=loss/trian", 404, "no metric loss/trian"),
        ("/api/series?run={run}&metric=loss/train&points=many", 400, "whole number"),
        ("/api/live?runs={run}&metrics=loss/train&since=0:0~x:y:z", 400, "cursor"),
        ("/api/live?runs={run}&since=0:many", 400, "cursor"),
        ("/api/attention/{run}/3999", 404, "nearest"),
        ("/api/attention/{run}/400/99/0", 404, "6 layers"),
        ("/api/attention/..%2F..%2Fetc/1", 404, ""),
        ("/api/assets/nothing.js", 404, "reload"),
    ],
)
def test_errors_are_sentences(store, client, path, status, says):
    reply = client.get(path.format(run=finished(store).id))
    assert reply.status_code == status
    assert says in reply.text
    assert "Traceback" not in reply.text


@pytest.mark.parametrize("id", ["../x", "..", "/etc", "a/b", ".", "", "%2e%2e"])
def test_ids_are_never_paths(store, client, id):
    finished(store)
    reply = client.get("/api/live", params={"runs": id}).json()
    assert reply["runs"] in ([], [{"gone": True}])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8501"}, 200),
        ({"host": "[::1]:8501"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:8601"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "10.0.0.1:8601"}, 403),
        ({"host": "lab.example:8601"}, 200),
        ({"origin": "http://127.0.0.1:8601"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/live", "/api/assets/x.js", "/_stcore/health"])
def test_strangers_are_refused_on_every_route(client, monkeypatch, headers, status, path):
    monkeypatch.setenv("ADDNORM_HOSTS", "lab.example, other.example")
    reply = client.get(path, headers=headers)
    assert (reply.status_code == 403) == (status == 403)
    if status == 403:
        assert list(reply.json()) == ["error"]


def test_assets_are_for_ever(client):
    for url in (assets.hub_url(), assets.plotly_url()):
        reply = client.get(url)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
        assert reply.headers["content-encoding"] == "gzip"
    assert b"export function mount" in client.get(assets.hub_url()).content


def test_an_unknown_metric_is_missing_only_once_rows_exist(store, client):
    run, faker = trainer(store, 400)
    browser = Polls(client, [run.id], ["loss/nothing"])
    assert "m" not in browser.tick()["runs"][0]
    faker.write(0, 10)
    assert browser.tick()["runs"][0]["m"] == {"loss/nothing": {"missing": True}}


def million(store):
    """A run of 1e6 steps with one spike and one NaN that last a single step."""
    run = store.create(config("long", 1_000_000))
    steps = np.arange(1_000_000)
    loss = (2 + 0.05 * np.random.default_rng(0).standard_normal(len(steps))).astype(np.float32)
    loss[[123_457, 700_001]] = 9, np.nan
    writer = SeriesWriter(run.path / "metrics", "step", 0)
    writer.write({"step": steps, "seconds": steps * 0.1, "loss/train": loss})
    writer.close()
    return run, loss


@pytest.mark.parametrize("points", [1024, 256])
def test_a_spike_of_one_step_in_a_million_is_in_the_overview(store, client, points):
    run, loss = million(store)
    query = {"runs": run.id, "metrics": "loss/train", "points": points}
    found = client.get("/api/live", params=query).json()["runs"][0]["m"]["loss/train"]
    steps = np.cumsum(found["s"])
    shown = dict(zip(steps.tolist(), found["v"], strict=True))
    assert len(shown) <= points + 3
    assert shown[123_457] == 9
    assert shown[700_001] is None
    width = found["w"]
    assert width & (width - 1) == 0
    assert np.unique(steps // width).tolist() == list(range(-(-len(loss) // width)))
    for bucket in (0, 5, 123_457 // width, len(found["a"]) - 1):
        rows = loss[bucket * width : (bucket + 1) * width].astype(np.float64)
        inside = [v for s, v in shown.items() if s // width == bucket]
        assert min(inside) == pytest.approx(rows.min(), rel=1e-5)
        assert max(inside) == pytest.approx(rows.max(), rel=1e-5)
        assert found["a"][bucket] == pytest.approx(rows.mean(), rel=1e-5)


def test_a_zoom_to_a_hundred_steps_is_exact(store, client):
    run, loss = million(store)
    for first in (123_400, 699_950, 0, 999_900):
        query = {"run": run.id, "metric": "loss/train", "from": first, "to": first + 99}
        reply = client.get("/api/series", params=query).json()
        assert np.cumsum(reply["s"]).tolist() == list(range(first, first + 100))
        exact = [None if np.isnan(v) else v for v in loss[first : first + 100].tolist()]
        assert [None if v is None else float(np.float32(v)) for v in reply["v"]] == exact
        assert "a" not in reply


def test_fewer_points_are_the_buckets_of_more(store, client):
    run, faker = trainer(store, 20_000)
    faker.write(0, 7000)
    browsers = {n: Polls(client, [run.id], ["loss/train"], points=n) for n in (1024, 256, 16)}
    for upto in (7001, 7300, 15_000):
        for browser in browsers.values():
            browser.tick()
        faker.write(faker.run.rows("step", []).steps[-1] + 1, upto)
    for browser in browsers.values():
        browser.tick()
    loss = run.series("loss/train")[1]
    for n, browser in browsers.items():
        points = browser.points[run.id]["loss/train"]
        assert len(points) <= n + 1
        assert max(points.values()) == pytest.approx(float(loss.max()), rel=1e-5)
        assert min(points.values()) == pytest.approx(float(loss.min()), rel=1e-5)
    faker.close()


def test_means_of_buckets_stay_true_while_a_run_grows(store, client):
    run, faker = trainer(store, 20_000)
    at = 0
    for more in (700, 1, 500, 40, 3000, 7, 6000):
        faker.write(at, at + more)
        at += more
        found = client.get(
            "/api/live", params={"runs": run.id, "metrics": "loss/train", "points": 256}
        ).json()["runs"][0]["m"]["loss/train"]
        width, (steps, loss) = found["w"], run.series("loss/train")
        starts = np.flatnonzero(np.diff(steps // width, prepend=-1))
        means = [part.astype(np.float64).mean() for part in np.split(loss, starts[1:])]
        assert found["a"] == pytest.approx(means, rel=1e-5)
    faker.close()


def test_one_layer_of_a_metric(store, client):
    run = finished(store)
    name = "activation/rms/blocks.3.resid_post"
    browser = Polls(
        client, [run.id], [name, "grad_norm/blocks.0.block", "grad_norm/blocks.9.block"]
    )
    reply = browser.tick()["runs"][0]
    steps, values = run.series(name)
    points = browser.points[run.id][name]
    assert list(points) == steps.tolist()
    assert list(points.values()) == pytest.approx(values.tolist(), rel=1e-5)
    assert "grad_norm/blocks.9.block" not in reply["m"], "it has six layers"
    zoomed = client.get("/api/series", params={"run": run.id, "metric": name}).json()
    assert zoomed["v"] == pytest.approx(values.tolist(), rel=1e-6)


@pytest.mark.parametrize("steps", [300, 5000])
def test_a_difference_is_exact_and_grows(store, client, steps):
    (one, first), (other, second) = trainer(store, steps), trainer(store, steps, "b")
    metric = f"difference/{other.id}/loss/train"
    browser = Polls(client, [one.id, other.id], [], own=f"0~{metric}")
    browser.cursors[one.id][metric] = ""

    def expected():
        (steps, a), (_, b) = one.series("loss/train"), other.series("loss/train")
        common = min(len(a), len(b))
        return steps[:common].tolist(), a[:common] - b[:common]

    for here, there in ((90, 90), (100, 130), (300, 260), (steps, steps)):
        for faker, upto in ((first, here), (second, there)):
            faker.write(getattr(faker, "at", 0), upto)
            faker.at = upto
        browser.tick()
        at, values = expected()
        points = browser.points[one.id][metric]
        assert max(points) == at[-1]
        assert max(points.values()) == pytest.approx(float(values.max()), abs=1e-6)
        exact = dict(zip(at, values.tolist(), strict=True))
        assert all(exact[s] == pytest.approx(v, abs=1e-5) for s, v in points.items())
    second.start(40)  # the other is taken up again from a checkpoint
    second.write(40, 60)
    browser.tick()
    at, values = expected()
    assert max(browser.points[one.id][metric]) == at[-1] == 59
    query = {"run": one.id, "metric": metric, "from": 10, "to": 40}
    zoomed = client.get("/api/series", params=query).json()
    assert zoomed["v"] == pytest.approx(values[10:41].tolist(), abs=1e-6)


def test_ranges_of_several_runs_in_one_reply(store, client):
    runs = [finished(store, name) for name in "ab"]
    ids = ",".join([runs[0].id, "nobody", runs[1].id])
    query = {"run": ids, "metric": "loss/train", "from": 20, "to": 29}
    first, nobody, second = client.get("/api/series", params=query).json()["runs"]
    assert nobody is None
    for run, found in zip(runs, (first, second), strict=True):
        assert np.cumsum(found["s"]).tolist() == list(range(20, 30))
        assert found["v"] == pytest.approx(run.series("loss/train")[1][20:30].tolist(), rel=1e-6)


def test_a_profile_is_the_nearest_finite_row_before_the_step(store, client):
    run, faker = trainer(store, 400)
    faker.write(0, 100)
    entropy = np.array([[1.0, 2.0], [3.0, np.nan], [np.nan, np.nan]])
    writer = SeriesWriter(run.path / "metrics", "probe", 9)
    faker.close()
    for path in (run.path / "metrics").glob("probe-0000.arrow"):
        path.unlink()
    writer.write({"step": np.array([0, 20, 40]), "attention/entropy": entropy})
    ids = f"{run.id},nobody"
    query = {"runs": ids, "metric": "attention/entropy,grad_norm/block", "step": 55}
    here, nobody = client.get("/api/profile", params=query).json()["runs"]
    assert nobody == {}
    assert here["attention/entropy"] == [20, [3, None]]
    assert here["grad_norm/block"][0] == 55
    assert len(here["grad_norm/block"][1]) == run.config.model.depth
    before = client.get("/api/profile", params={**query, "step": 19}).json()["runs"][0]
    assert before["attention/entropy"] == [0, [1, 2]]
    newest = Polls(client, [run.id], [], latest="attention/entropy").tick()["runs"][0]
    assert newest["latest"]["attention/entropy"] == [20, [3, None]]


def test_a_metric_asked_for_later_is_read_beside_the_others(store, client):
    run, faker = trainer(store, 6000)
    browser = Polls(client, [run.id], ["loss/train", "grad_norm/total"])
    early = Polls(client, [run.id], ["loss/train"])
    faker.write(0, 500)
    early.tick()
    browser.tick()
    faker.write(500, 2500)
    early.tick()
    browser.tick()
    live.FEEDS.clear()
    fresh = Polls(client, [run.id], ["loss/train", "grad_norm/total"])
    fresh.tick()
    assert browser.points == fresh.points
    assert early.points[run.id]["loss/train"] == fresh.points[run.id]["loss/train"]


def arrays_of(thing):
    """The arrays that an object keeps, however deep."""
    if isinstance(thing, np.ndarray):
        yield thing
    parts = thing.values() if isinstance(thing, dict) else thing
    if not isinstance(thing, dict | list | tuple):
        parts = vars(thing).values() if hasattr(thing, "__dict__") else ()
    for part in parts:
        yield from arrays_of(part)


def test_no_rows_are_kept_of_runs_that_ended(store, client):
    run = finished(store, steps=5000)
    Polls(client, [run.id]).tick()
    kept = live.feed(run.id).run
    kept.series("loss/train")
    assert list(arrays_of(kept)) == []
    Polls(client, [run.id], latest="grad_norm/block").tick()
    for stream in live.feed(run.id)._streams.values():
        for series in stream.series.values():
            assert sum(len(steps) for steps, _ in series._waiting) < WAITING


def test_long_answers_are_packed_for_who_can_unpack_them(store, client):
    run, faker = trainer(store, 5000)
    faker.write(0, 5000)
    query = {"runs": run.id, "metrics": "loss/train,grad_norm/total,tokens_per_second"}
    packed = client.get("/api/live", params=query)
    assert packed.headers["content-encoding"] == "gzip"
    plain = client.get("/api/live", params=query, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json()["runs"] == packed.json()["runs"]
    faker.close()


def test_a_reply_that_says_ended_has_the_last_rows(store, client, monkeypatch):
    ends = Faker(store.create(config("ends", steps=40)))
    ends.start()
    ends.write(0, 31)
    ends.status("running", 30)
    read = live.Feed.refresh

    def ends_while_its_rows_are_read(feed, metrics):
        read(feed, metrics)
        if ends.run.record.step != 40:
            ends.write(31, 41)
            ends.status("finished", 40)

    monkeypatch.setattr(live.Feed, "refresh", ends_while_its_rows_are_read)
    polls = Polls(client, [ends.run.id])
    assert polls.tick()["runs"][0]["state"] != "finished", "its last rows are not with this reply"
    assert polls.tick()["runs"][0]["state"] == "finished"
    assert max(polls.points[ends.run.id]["loss/train"]) == 40
