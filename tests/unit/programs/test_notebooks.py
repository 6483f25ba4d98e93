"""`core.train`, `core.compare`, `run.plot`, and the notebook that shows them, run top to bottom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import core
from core.files import write_json
from core.grids import GridError
from core.palette import COLOURS, RUNS
from core.programs.comparison import Comparison
from core.runs import RunError, RunStore
from tests.conftest import SMALL
from tests.fake_runs import finished

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "assets" / "notebooks").glob("*.ipynb"))
TINY = {name.replace(".", "_"): value for name, value in SMALL.items()}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(
    store: RunStore, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    runs = store.list()
    assert len(runs) == 6
    assert all(run.status == "finished" for run in runs)
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "uses its input" in said
    drawn = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(drawn) == 2


def test_importing_core_is_light() -> None:
    program = """
import sys, core

def loaded(*names):
    found = set(names) & set(sys.modules)
    assert not found, found

assert "train" in dir(core)
loaded("torch", "numpy", "pandas", "plotly", "pydantic", "streamlit")
core.train, core.compare, core.judge, core.Run
loaded("torch", "plotly", "streamlit", "mcp")
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=120)
    with pytest.raises(AttributeError, match="nonsense"):
        core.nonsense  # noqa: B018


@pytest.mark.slow
def test_training_here_leaves_a_run_with_its_settings(store: RunStore) -> None:
    run = core.train(name="mine", placement="post", progress=False, **TINY)
    assert store.list() == [run]
    assert (run.name, run.status, run.config.model.placement) == ("mine", "finished", "post")
    assert core.find(run.id[:18]) == run
    twin = core.train(fork=f"{run.id}@20", learning_rate=1e-4, progress=False)
    assert twin.fork is not None
    assert (twin.fork.step, twin.config.model.depth) == (20, SMALL["model.depth"])
    seen = core.compare(run, twin.id)
    assert isinstance(seen, Comparison)
    assert "learning_rate" in seen.table.columns


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dept": 3}, r"dept is not a setting \(did you mean model.depth\?\)"),
        ({"depth": -1}, "model.depth: input should be greater than or equal to 1"),
        ({"path": "/no/such/text"}, "data.path: "),
        ({"fork": "nothing@3"}, "there is no run 'nothing' in "),
        ({"threads": "many"}, "training.threads"),
    ],
)
def test_what_can_not_be_trained_is_refused_before_a_run_exists(
    store: RunStore, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        core.train(progress=False, **changes)
    assert store.list() == []


def test_a_preset_that_is_none_is_refused(store: RunStore) -> None:
    with pytest.raises(GridError, match="preset: there is no 'nothing'; accepted: first-minute"):
        core.train("nothing")


def test_a_plot_has_the_runs_colour_title_and_reference(store: RunStore) -> None:
    run = finished(store, "one", steps=300)
    figure = run.plot("loss")
    (line,) = figure.data
    assert line.line.color == RUNS["light"][run.meta["colour"]]
    assert figure.layout.yaxis.title.text == "Training loss, nats per character"
    assert any("3.309" in str(note.text) for note in figure.layout.annotations)
    steps, losses = run.series("loss/train")
    assert max(line.y) == pytest.approx(float(losses.max()))
    assert set(line.x) <= set(steps)
    dark = run.plot("loss", "dark")
    assert dark.layout.paper_bgcolor == COLOURS["dark"]["card"]


def test_a_metric_of_layers_is_drawn_over_the_layers(store: RunStore) -> None:
    run, other = (finished(store, name, steps=60) for name in ("one", "two"))
    figure = core.compare(run, other).plot("grad_norm/block")
    assert [list(line.x) for line in figure.data] == [[1, 2, 3, 4, 5, 6]] * 2
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.title.text == "Gradient norm"
    _, norms = run.series("grad_norm/block")
    assert figure.data[0].y[0] == pytest.approx(norms[-50:, 0].astype(float).mean(), rel=1e-6)


def test_what_can_not_be_drawn_is_said(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(store, "one", steps=20)
    with pytest.raises(ValueError, match=r"no metric loss/trian; did you mean loss/train\?"):
        run.plot("loss/trian")
    waits = store.create(run.config)
    with pytest.raises(ValueError, match="nothing was measured yet; train it first"):
        waits.plot()
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ValueError, match="Plotly is missing; pip install plotly"):
        run.plot()


def test_a_comparison_is_a_table_with_its_caution(store: RunStore) -> None:
    run = finished(store, "one", steps=200)
    dead = finished(store, "dead", steps=200, fate="plateau", model__placement="post")
    seen = core.compare(run, dead)
    assert list(seen.table["placement"]) == ["pre", "post"]
    page = seen._repr_html_()
    assert "single seed" in page
    assert "single seed" in repr(seen)
    with pytest.raises(RunError, match="name two runs or more"):
        core.compare(run, run)
    with pytest.raises(RunError, match="fits 2 runs"):
        core.compare("20", run)


def test_a_name_is_shown_as_text(store: RunStore) -> None:
    run = finished(store, "one", steps=60)
    other = finished(store, "two", steps=60, model__depth=3)
    other.update_meta(name="<b>bold</b>")
    page = core.compare(run, other)._repr_html_()
    assert "<b>bold" not in page


def test_each_run_of_a_pair_is_told_in_its_own_unit(store: RunStore) -> None:
    both = [finished(store, name, "lives", 160, model__depth=n) for name, n in (("a", 2), ("b", 4))]
    for run, unit in zip(both, ("byte", "subword"), strict=True):
        write_json(run.path / "corpus.json", {**run.corpus, "unit": unit})
    said = Comparison(both).conclusion
    assert "below byte frequencies" in said
    assert "below token frequencies" in said
