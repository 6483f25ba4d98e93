"""Runs as a folder without a server: the script, the files, the numbers, what is refused."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import record
from core.__main__ import main
from core.catalogue.index import of_run
from core.heads.patterns import Patterns, difference
from core.jobs import inspections
from core.language import speaking
from core.runs import Run, RunError, RunStore
from dashboard.api import attention_bytes
from dashboard.publish import answers, bundle, button, packed, page, snapshots
from dashboard.publish.fonts import FACES
from dashboard.web import assets
from tests.conftest import small
from tests.fake_runs import finished
from tests.javascript import evaluate


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def told(folder: Path, name: str) -> dict[str, str]:
    """The packed parts of a data file."""
    text = (folder / "data" / f"{name}.js").read_text("utf-8")
    return json.loads(text[text.index(", ") + 2 : text.rindex(")")])


@pytest.fixture
def runs(store: RunStore) -> list[Run]:
    first = finished(store, "lives", steps=120)
    other = finished(store, "dies", "plateau", 120, model__placement="post")
    other.update_meta(twin_of=first.id)
    return [first, other]


def test_what_is_imported_first_runs_first_and_names_may_change_on_the_way():
    sources = {
        "a.js": 'import { two as second } from "./b/c.js"\nexport const one = second + 1\n',
        "b/c.js": "const hidden = 1\nexport const two = hidden + 1\n",
        "d.js": 'import { one } from "./a.js" // why\nglobalThis.found = one\n',
        "unused.js": "globalThis.found = 0\n",
    }
    script = bundle.bundle(sources, "d.js")
    assert bundle.order(sources, "d.js") == ["b/c.js", "a.js", "d.js"]
    assert script == bundle.bundle(dict(reversed(sources.items())), "d.js")
    assert evaluate("await (0, eval)(script); return found", script=script) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('import "./b.js"', "import"),
        ('import all from "./b.js"', "import"),
        ('export * from "./b.js"', "export"),
        ("export default 1", "export"),
        ('import { x } from "./b.js"', "b.js, which is not there"),
        ('import { x } from "./a.js"', "imports itself"),
    ],
)
def test_a_module_that_would_be_bundled_wrongly_is_named(line: str, said: str):
    with pytest.raises(ValueError, match=said):
        bundle.bundle({"a.js": f"{line}\n"}, "a.js")


def test_the_front_end_is_one_script_that_can_be_read(tmp_path: Path):
    script = page.script()
    modules = bundle.order(
        {name: text.decode() for name, text in assets.sources().items()}, page.ENTRY
    )
    assert modules.index("published/start.js") < modules.index("protocol/words.js")
    assert "views/attention/page.js" in modules
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    (tmp_path / "page.js").write_text(script, encoding="utf-8")
    subprocess.run([node, "--check", tmp_path / "page.js"], check=True, timeout=60)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("tokens", [5, 33])
def test_the_page_makes_of_attention_what_the_routes_make(causal: bool, tokens: int):
    draw = np.random.default_rng(0)
    size = (2, 3, tokens * (tokens + 1) // 2) if causal else (2, 3, tokens, tokens)
    a, b = (Patterns(draw.random(size).astype(np.float16)) for _ in range(2))
    a.kept.reshape(-1)[7] = np.nan
    found = evaluate(
        """
        const of = async (text) => new Patterns(numbersOf(await unpackedBytes(text)), shape, causal)
        const [a, b] = [await of(first), await of(second)]
        return { grid: [...a.grid(8).data, ...b.grid(64).data], minus: [...a.minus(b, 32).data],
          head: [...b.head(1, 2)], shape: a.grid(32).shape }
        """,
        first=packed.halves(a.kept),
        second=packed.halves(b.kept),
        shape=list(a.shape),
        causal=causal,
    )
    grids = [attention_bytes.thumbnails(a, 8), attention_bytes.thumbnails(b, 64)]
    assert found["grid"] == [n for one in grids for n in one.reshape(-1).tolist()]
    apart = np.nan_to_num(difference(a, b, 32))
    apart = np.asarray(np.sign(apart) * np.sqrt(np.abs(apart)) * 127 + 128.5, dtype=np.uint8)
    assert found["minus"] == apart.reshape(-1).tolist()
    assert found["shape"] == list(apart.shape)
    assert found["head"] == b.head(1, 2).astype(np.float32).reshape(-1).tolist()


def test_the_folder_holds_what_the_routes_answer(runs: list[Run], tmp_path: Path):
    found = page.publish(runs, tmp_path / "page")
    assert found.size == sum(
        one.stat().st_size for one in (tmp_path / "page").rglob("*") if one.is_file()
    )
    assert found.size < page.AIM
    for at, run in enumerate(runs, 1):
        kept = unpacked(told(found.folder, f"run-{at}")["told"])
        steps, values = run.series("loss/train")
        fine = kept["ranges"]["loss/train"]
        assert np.cumsum(fine["s"]).tolist() == steps.tolist()
        assert np.array(fine["v"]) == pytest.approx(values, rel=1e-8)
        drawn = kept["live"]["m"]["loss/train"]
        assert drawn["v"] == answers.asked(
            answers.live.live, runs=run.id, metrics="loss/train", points="1024"
        )["runs"][0]["m"]["loss/train"]["v"]  # fmt: skip
        assert not {"rate", "left", "place"} & kept["live"].keys()
        last = run.snapshots.steps[-1]
        attention = told(found.folder, f"attention-{at}")
        assert unpacked(attention["about"])["steps"] == run.snapshots.steps
        whole = np.frombuffer(gzip.decompress(base64.b64decode(attention[str(last)])), np.uint8)
        halves = whole.reshape(2, -1)[::-1].T.copy().view("<f2").reshape(-1)
        assert np.array_equal(halves, run.snapshots.open(last).kept.reshape(-1))
    told_of_page = unpacked(told(found.folder, "page")["told"])
    assert {"runs_table", "which_trained", "curves", "difference", "profile", "map",
            "happening"} <= told_of_page["views"].keys()  # fmt: skip
    assert told_of_page["views"]["runs_table"]["edits"] is False


def test_the_page_names_what_repeats_it_and_nothing_of_this_machine(
    store: RunStore, tmp_path: Path
):
    own = tmp_path / "private folder" / "novel.txt"
    run = finished(store, "<script>alert(1)</script>", steps=40, data__corpus="file",
                   data__path=str(own))  # fmt: skip
    found = page.publish([run], tmp_path / "page")
    html = (found.folder / "index.html").read_text("utf-8")
    assert run.corpus["sha256"] in html
    assert "python -m core train" in html
    assert "novel.txt" in html
    assert "<script>alert" not in html
    every = [one for one in found.folder.rglob("*") if one.name != "plotly.min.js"]
    for one in filter(Path.is_file, every):
        assert "private folder" not in one.read_text("utf-8")
    for text in told(found.folder, "run-1").values():
        assert "private folder" not in json.dumps(unpacked(text))
    assert "private folder" not in json.dumps(unpacked(told(found.folder, "page")["told"]))


def test_nothing_in_the_page_is_fetched_from_elsewhere(runs: list[Run], tmp_path: Path):
    found = page.publish(runs, tmp_path / "page")
    html = (found.folder / "index.html").read_text("utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert named == ["data:,", "page.js"]
    assert "connect-src 'none'" in html


def test_the_page_brings_the_typefaces_of_the_dashboard(runs: list[Run], tmp_path: Path):
    page.publish(runs, tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    for family in FACES:
        assert f'@font-face{{font-family:"{family}"' in text


def test_a_second_page_takes_the_place_of_the_first_and_leaves_other_files(
    runs: list[Run], tmp_path: Path
):
    folder = tmp_path / "page"
    page.publish(runs, folder)
    (folder / "CNAME").write_text("lab.example")
    page.publish(runs[:1], folder)
    assert not (folder / "data" / "run-2.js").exists()
    assert (folder / "CNAME").exists()


def test_a_folder_with_files_of_others_is_refused_and_stays(runs: list[Run], tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="choose a new folder"):
        page.publish(runs, tmp_path)
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["mine.txt"]
    # A list that names files elsewhere removes none of them.
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / page.LISTED).write_text(json.dumps({"files": ["../mine.txt", 3]}))
    page.publish(runs, folder)
    assert (tmp_path / "mine.txt").exists()


def test_no_run_and_too_many_are_refused(runs: list[Run], tmp_path: Path):
    with pytest.raises(RunError, match="at least one run"):
        page.publish([], tmp_path / "page")
    with pytest.raises(RunError, match="250 at most"):
        page.publish(runs * 126, tmp_path / "page")


def test_attention_travels_as_far_as_there_is_room_and_the_page_says_so(runs: list[Run]):
    entries = [of_run(run) for run in runs]
    whole = snapshots.kept(entries, 10**9)
    ends = [len(one.parts[one.steps[-1]]) for one in whole]
    some = snapshots.kept(entries, sum(ends) + len(whole[0].parts[0]))
    assert [one.of for one in some] == [len(run.snapshots.steps) for run in runs]
    assert sum(len(one.parts) for one in some) == 3
    assert all(run.snapshots.steps[-1] in one.parts for run, one in zip(runs, some, strict=True))
    assert "1 of 2 moments of 1 run" in page._left_out(some)[0]
    none = snapshots.kept(entries, 10)
    assert page._left_out(none) == ["The attention of 2 runs is too large for this page."]


def test_the_order_of_steps_begins_with_the_ends():
    assert list(snapshots.spread([])) == []
    assert list(snapshots.spread([3])) == [3]
    found = list(snapshots.spread(range(9)))
    assert found[:3] == [8, 0, 4]
    assert sorted(found) == list(range(9))


def test_a_page_in_chinese_brings_its_words(runs: list[Run], tmp_path: Path):
    with speaking("zh"):
        found = page.publish(runs, tmp_path / "page")
    assert '<html lang="zh">' in (found.folder / "index.html").read_text("utf-8")
    assert unpacked(told(found.folder, "words")["zh"])


def test_the_command_publishes_what_a_filter_lets_pass(
    runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    to = tmp_path / "page"
    assert main(["publish", "--to", str(to), "--filter", "placement == post", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["runs"] == 1
    assert said["bytes"] == sum(one.stat().st_size for one in to.rglob("*") if one.is_file())
    assert main(["publish", "lives", "--to", str(to)]) == 0
    assert re.match(r"1 run, \d\.\d MB\n(?:.*\n)*Open .*index.html", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no run 'nobody'"),
        (["--filter", "depth >"], "filter, "),
        (["--filter", "depth > 1000"], "there is no such run"),
        (["--megabytes", "none"], "megabytes: 'none'"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    assert main(["publish", *words, "--to", str(tmp_path / "page")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_without_the_dashboard_the_command_says_what_to_install(
    runs: list[Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert main(["publish", "--to", str(tmp_path / "page")]) == 2
    assert "is not installed" in capsys.readouterr().err


FIXTURES = Path(__file__).parents[1] / "runs" / "fixtures"


def test_every_kind_of_run_is_published(store: RunStore, tmp_path: Path):
    """Families without attention, runs that were cut off, one that has not begun."""
    for one in FIXTURES.iterdir():
        shutil.copytree(one, store.root / one.name)
    waiting = store.create(small())
    every = store.list()
    assert len(every) > 4
    found = page.publish(every, tmp_path / "page")
    told_of_page = unpacked(told(found.folder, "page")["told"])
    attention = told_of_page["attention"]["runs"]
    assert waiting.id not in attention
    assert {id for id in attention if "mlp" in id} == set()
    assert any("transformer" in id for id in attention)
    at = every.index(waiting) + 1
    kept = unpacked(told(found.folder, f"run-{at}")["told"])
    assert (kept["live"]["state"], kept["ranges"]) == ("queued", {})
    for run in every:
        page.publish([run], tmp_path / run.id)


def test_a_run_of_another_program_is_published(store: RunStore, tmp_path: Path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    with record.start("mine") as recording:
        recording.watch(net)
        for _ in range(5):
            loss = net(torch.randn(3, 4)).square().mean()
            loss.backward()
            recording.log(loss=loss.item())
    [run] = store.list()
    found = page.publish([run], tmp_path / "page")
    html = (found.folder / "index.html").read_text("utf-8")
    assert "mine" in html
    assert "python -m core train" not in html


def test_the_command_filters_by_the_settings_of_other_programs(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for name, lr in (("fast", 0.1), ("slow", 0.001)):
        with record.start(name, settings={"lr": lr}) as recording:
            recording.log(loss=1.0)
    words = ["publish", "--to", str(tmp_path / "page"), "--json"]
    assert main([*words, "--filter", "lr > 0.01"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 1
    html = (tmp_path / "page" / "index.html").read_text("utf-8")
    assert "fast" in html
    assert "slow" not in html


def test_the_button_hands_over_a_zip_that_opens_by_itself(runs: list[Run], tmp_path: Path):
    with button._made(runs)() as file:
        names = zipfile.ZipFile(file).namelist()
    assert {"published/index.html", "published/page.js", "published/data/page.js"} <= set(names)


def test_texts_that_were_written_travel_along(store: RunStore, tmp_path: Path):
    shutil.copytree(FIXTURES / "transformer-ended", store.root / "one")
    run = store.open("one")
    question = inspections.prepare(run, "generate", None, {"prompt": "The", "length": 3})
    items = [{"token": letter, "probability": 0.5} for letter in "abc"]
    (question.folder / "stream.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (question.folder / "result.json").write_text(json.dumps({"text": "abc"}))
    question.write(inspections.Record("done", 1.0))
    found = page.publish([run], tmp_path / "page")
    kept = unpacked(told(found.folder, "texts")[f"one {question.id}"])
    assert kept["stream"]["items"] == items
    assert kept["result"] == {"text": "abc"}
    assert 'data-view="text_0"' in (found.folder / "index.html").read_text("utf-8")
