"""Reports: what they hold, that nothing of a user's text becomes markup, and how large they get."""

import json
import math
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from core import cli
from core.catalogue import index as catalogue
from core.cli.options import Parser, config_of
from core.config import RunConfig, Switch
from core.config.command import command
from core.files import write_json
from core.jobs import forks
from core.language import speaking
from core.metrics.limits import CHART_POINTS
from core.palette import COLOURS
from core.plots.curves import Line, curves
from core.runs import Run, RunStore, Status
from dashboard.report.page import report
from dashboard.report.paper import matrix
from dashboard.report.series import groups, lines, profiles
from dashboard.web import assets
from tests.conftest import small
from tests.fake_runs import Faker, checkpoint, config, finished
from tests.many_runs import make

CHARTS = {
    "chart-training-loss",
    "chart-validation-loss",
    "chart-gradient-norm",
    "chart-gradient-profile",
    "chart-stream-profile",
}


@pytest.fixture(scope="module")
def trio(tmp_path_factory) -> tuple[RunStore, list[Run]]:
    """Three placements with two seeds each: one learns, one dies, one diverges."""
    store = RunStore(tmp_path_factory.mktemp("report") / "runs")
    for placement, fate in (("pre", "lives"), ("post", "plateau"), ("sandwich", "diverges")):
        for seed in range(2):
            run = store.create(
                config(f"{placement} seed {seed}", model__placement=placement, training__seed=seed)
            )
            faker = Faker(run, fate, seed)
            faker.start()
            faker.write(0, 401)
            faker.close()
            faker.status("diverged" if fate == "diverges" else "finished", 400)
    return store, store.list()


def figures(html: str) -> dict:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html)
    return json.loads(found[1]) if found else {}


def own(html: str) -> str:
    """The report without plotly.js."""
    return html.replace(assets.plotly().decode(), "")


def test_everything_is_in_one_file(trio) -> None:
    store, runs = trio
    html = report(store, runs, "A title", "A guess\nin two lines", "What was found")
    assert html.count(assets.plotly().decode()) == 1
    assert len(html) < 15 * 2**20
    rest = own(html)
    assert not re.findall(r"<(?:link|img|iframe|script[^>]*src)[^>]*>", rest)
    assert not re.findall(r"url\(|@import|https?://", rest), "nothing is fetched"
    for text in ("A title", "A guess\nin two lines", "What was found", "Which trained?"):
        assert text in rest
    assert set(figures(html)) == CHARTS
    assert all(f'id="{id}"' in rest for id in CHARTS)
    for run in runs:
        assert run.name in rest
    assert "3.309" in rest
    assert runs[0].corpus["sha256"] in rest
    assert "Of 6 runs 2 learned, 2 sat on the plateau and 2 diverged." in rest
    assert "model.placement" in rest
    assert report(store, [run.id for run in runs], now=0.0) == report(store, runs, now=0.0)


def test_charts_show_what_was_measured(trio) -> None:
    store, runs = trio
    chart = figures(report(store, runs))["chart-training-loss"]
    styles = chart["light"]["styles"]
    mean = next(
        trace for trace, style in zip(chart["data"], styles, strict=True)
        if style.get("name") == "pre" and style.get("fill") != "toself"
    )  # fmt: skip
    losses = np.stack([run.series("loss/train")[1] for run in runs[:2]])
    assert mean["x"] == runs[0].series("loss/train")[0].tolist()
    np.testing.assert_allclose(mean["y"], losses.mean(0), rtol=1e-4)
    for mode in ("light", "dark"):
        assert len(chart[mode]["styles"]) == len(chart["data"])
        assert chart[mode]["layout"]["font"]["color"] == COLOURS[mode]["ink"]


def test_a_spike_of_one_step_stays(store: RunStore) -> None:
    run = store.create(config("spiky", 50_000))
    faker = Faker(run)
    faker.start()
    steps = np.arange(50_000)
    loss = np.full(50_000, 2.0)
    loss[31_337] = 9.5
    faker.writers["step"].write({"step": steps, "seconds": steps * 0.1, "loss/train": loss})
    faker.close()
    (line,) = lines(groups([run]), "loss/train")
    assert len(line.x) <= 1024
    assert line.y[line.x == 31_337].tolist() == [9.5]


def test_a_hundred_runs_are_thinned(store: RunStore) -> None:
    make(store, 100, 2000, layers=8)
    runs = store.list()
    apart = {run.id: "" for run in runs}
    for labels in (None, apart):
        html = report(store, runs, labels=labels)
        assert len(html) < 15 * 2**20
        for id, chart in figures(html).items():
            assert sum(len(trace["x"]) for trace in chart["data"]) <= CHART_POINTS, id
    assert len(groups(runs)) == 20
    assert len(groups(runs, apart)) == 100
    assert len({(g.colour, g.turn) for g in groups(runs, apart)}) == 100


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"&'%{x}</title>\u2028"


def test_text_of_users_is_text(store: RunStore) -> None:
    run = finished(store, "plain", steps=60)
    run.update_meta(name=EVIL, note=EVIL)
    finished(store, "other", steps=60, model__depth=3).update_meta(name=f"2{EVIL}")
    html = report(store, store.list(), EVIL, EVIL, EVIL, {run.id: EVIL})
    rest = own(html)
    assert rest.count("<script") == 3
    assert rest.count("</script") == 3
    assert "<img" not in rest
    assert "\u2028" not in json.dumps(figures(html), ensure_ascii=True)
    assert rest.count("</title>") == 1
    assert "&lt;script&gt;alert(1)" in rest
    names = {s.get("name", "") for c in figures(html).values() for s in c["light"]["styles"]}
    assert not any("<" in name for name in names), "Plotly reads tags"


def test_runs_that_measured_nothing(store: RunStore) -> None:
    waiting = store.create(small(), "waits")
    html = report(store, [waiting])
    assert figures(html) == {}
    assert "measured anything" in html
    assert "waiting" in html
    assert len(html) < 100_000, "plotly.js is left out"
    failed = store.create(small(model__depth=3), "fails")
    failed.write_status(Status(state="failed", message="out of memory"))
    html = report(store, [waiting, failed, finished(store, "trained", steps=60)])
    assert "2 of 3 lines have none" in html
    assert "out of memory" in html
    with pytest.raises(ValueError, match="at least one run"):
        report(store, [])


def test_one_run(store: RunStore) -> None:
    run = finished(store, "alone")
    html = report(store, [run])
    assert set(figures(html)) == CHARTS
    assert "<h1>alone</h1>" in html
    assert "The run learned." in html
    assert "Which trained?" not in own(html)


def test_the_matrix_is_of_what_was_turned(trio, store: RunStore) -> None:
    found = matrix(groups(trio[1]))
    assert found is not None
    assert (found.rows, found.columns) == ((), ("model.placement",))
    assert {cell.of for cell in found.cells.values()} == {2}
    for placement, norm in (("pre", "layer"), ("pre", "rms"), ("none", "none")):
        for depth in (2, 3):
            settings = {"model__placement": placement, "model__norm": norm, "model__depth": depth}
            if placement == "none" or norm == "layer":
                finished(store, "x", steps=60, **settings)
    found = matrix(groups(store.list()))
    assert found is not None
    names = {*found.rows, *found.columns}
    assert names == {"model.placement", "model.depth"}, "the norm follows from the placement"
    assert len(found.cells) == 4


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model__placement": "none", "model__norm": "none", "model__bias": False},
        {"model__overrides": "0: residual=off; 1: placement=post", "optimizer__clip": 1.0},
        {"training__switches": "5/1: residual=off", "probes__text": 'it\'s a; "text"'},
        {"data__corpus": "file", "data__path": "/tmp/a b.txt"},
    ],
)
def test_the_command_trains_the_same(settings: dict[str, object]) -> None:
    wanted = small(**settings)
    parser = Parser()
    cli.train.add_parser(parser.add_subparsers())
    options: Namespace = parser.parse_args(shlex.split(command(wanted))[3:])
    assert config_of(options) == wanted
    assert command(RunConfig()) == "python -m core train"


def test_a_run_that_was_rewired_is_told_as_it_was_trained(store: RunStore) -> None:
    for placement in ("pre", "post"):
        finished(store, placement, steps=60, model__placement=placement)
    rewired = finished(store, "rewired", steps=60, model__placement="pre", training__seed=1)
    rewired.add_switch(Switch(step=30, layers="0", placement="post"))
    runs = store.list()
    page = own(report(store, runs))
    assert "--training.switches" in page
    assert "Switches while training" in page
    assert "from step 30, layer 1: placement post" in page
    found = matrix(groups(runs))
    assert found is not None
    assert {cell.of for cell in found.cells.values()} == {1}, "no cell holds the rewired one"
    entries = catalogue.entries(store)
    assert [entry.name for entry in entries if entry.rewired] == ["rewired"]


def test_names_at_the_lines_ends_stand_apart() -> None:
    x = np.arange(10)
    drawn = [Line(f"run {i}", i, x, np.full(10, 1 + i / 1000)) for i in range(10)]
    figure = curves([*drawn[:-1], Line("high", 0, x, np.full(10, 5.0))], "step", "nats")
    places = sorted(note.y for note in figure.layout.annotations)
    assert len(places) == 10
    assert min(np.diff(places)) > 0.05
    assert places[-1] <= 1
    assert not curves([*drawn, *drawn], "step", "nats").layout.annotations


def test_profiles_are_of_the_end(trio) -> None:
    _, runs = trio
    found = profiles(groups(runs), "grad_norm/block")
    assert [line.name for line in found] == ["pre", "post", "sandwich"]
    values = np.stack([run.series("grad_norm/block")[1][-50:].mean(0) for run in runs[:2]])
    np.testing.assert_allclose(found[0].y, values.mean(0), rtol=1e-5)
    assert found[0].x.tolist() == [1, 2, 3, 4, 5, 6]


def test_reports_import_no_torch(trio) -> None:
    store, _ = trio
    code = (
        "import sys; from core.runs import RunStore; from dashboard.report.page import report\n"
        "store = RunStore(sys.argv[1]); report(store, store.list())\n"
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run(
        [sys.executable, "-c", code, str(store.root)], capture_output=True, text=True, cwd=root
    )
    assert said.stdout.strip() == "False", said.stderr


def test_a_fork_is_told_with_the_command_that_forks_it_again(store: RunStore) -> None:
    parent = finished(store, "the parent", steps=60)
    parent.add_switch(Switch(step=10, layers="0", placement="post"))
    checkpoint(parent, 20)
    start = forks.point(parent, 20)
    config = start.settings({"optimizer.learning_rate": 1e-4})
    made = store.create(config, fork=start)
    page = own(report(store, [made, parent]))
    assert f"train --fork {parent.id}@20 --optimizer.learning_rate 0.0001" in page
    assert "Starts from" in page


def sentences_of(html: str) -> list[str]:
    """What is read of a page, without scripts, style sheets, commands and dotted names."""
    plain = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", html, flags=re.DOTALL)
    plain = re.sub(r'<span class="dotted">.*?</span>', " ", plain)
    titles = re.findall(r'(?:title|aria-label)="([^"]*)"', plain)
    return [line.strip() for line in (*re.sub(r"<[^>]+>", "\n", plain).split("\n"), *titles)]


def test_in_chinese_nothing_is_english(trio) -> None:
    store, runs = trio
    with speaking("zh"):
        html = report(store, runs, "题目", "假设", "结论")
    assert '<html lang="zh">' in html
    names = {run.name for run in runs}
    english = [
        line
        for line in sentences_of(html)
        # Three words of English in a row; names of runs, packages and values are shorter.
        if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", line) and line not in names
    ]
    assert english == []
    for figure in figures(html).values():
        for axis in ("xaxis", "yaxis"):
            title = figure["light"]["layout"][axis]["title"]["text"]
            assert not re.search(r"[a-z]{4,}", title), title
    assert "图 1" in html
    assert "表 1" in html


def test_one_text_in_two_kinds_of_tokens_is_told_twice(store: RunStore) -> None:
    runs = [finished(store, name, steps=5) for name in ("bytes", "tokens", "as the first")]
    cuts = [("byte", 700_002, 256), ("token", 331_507, 512), ("byte", 700_002, 256)]
    for run, (unit, length, vocabulary) in zip(runs, cuts, strict=True):
        told = {**run.corpus, "unit": unit, "length": length, "vocabulary": vocabulary}
        (run.path / "corpus.json").write_text(json.dumps({**told, "sha256": "ab" * 32}))
    for order in (runs, runs[::-1]):
        html = own(report(store, order))
        assert html.count("700,002 bytes, vocabulary 256") == 1
        assert html.count("331,507 tokens, vocabulary 512") == 1


def test_runs_of_different_tokens_are_ranked_in_bits_per_byte(store: RunStore) -> None:
    letters = finished(store, "letters", "lives", 160)
    pairs = finished(store, "pairs", "lives", 160, data__tokenizer="bpe", data__vocabulary=512)
    bits = {letters.id: 1 / math.log(2), pairs.id: 1 / math.log(2) / 2.5}
    for run, unit, size in ((letters, "character", 1.0), (pairs, "token", 2.5)):
        told = {**run.corpus, "unit": unit, "bytes_per_token": size}
        write_json(run.path / "corpus.json", told)
    html = own(report(store, [letters, pairs]))
    table = html[html.index("What was trained") :].split("</table>")[0]
    assert "in bits per byte" in table
    assert "in nats" not in table
    for run in (letters, pairs):
        found = catalogue.of_run(run).summary
        for loss in (found.loss, found.validation):
            assert f"{loss * bits[run.id]:.3f}" in table
    laid_out = matrix(groups([letters, pairs]))
    assert laid_out
    assert laid_out.in_bits
    shown = sorted(cell.value for cell in laid_out.cells.values())
    assert shown == pytest.approx(
        sorted(catalogue.of_run(r).summary.validation * bits[r.id] for r in (letters, pairs))
    )
    titles = figures(html)["chart-validation-loss"]["light"]["layout"]["yaxis"]["title"]["text"]
    assert titles == "bits per byte"
