"""Every command's ``--json``: standard output holds one JSON text of the documented type."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from core.__main__ import main, parser_of_commands
from core.anatomy import KINDS
from core.programs.shapes import ANSWERS, Refused, schemas
from core.runs import RunStore
from tests.conftest import SMALL
from tests.fake_runs import checkpoint, finished

WITHOUT = {"mcp", "schema"}  # which answer a protocol, and a schema
TINY = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]


def answer(capsys: pytest.CaptureFixture[str], command: str, *words: str, status: int = 0) -> Any:
    """What the command prints, checked against its type."""
    capsys.readouterr()
    assert main([*command.split(), *words, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    TypeAdapter(ANSWERS[command]).validate_python(found)
    return found


def commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command of a parser by its words, those with verbs by their verbs."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield before, parser
    for action in below:
        for word, one in action.choices.items():
            yield from commands(one, f"{before} {word}".strip())


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("core.jobs.launcher", "core.cli.runs", "core.cli.train", "core.cli.sweep"):
        monkeypatch.setattr(f"{module}.revive", lambda store: None)


def test_every_command_takes_json_and_documents_its_answer() -> None:
    known = dict(commands(parser_of_commands()))
    lacking = [n for n, one in known.items() if "--json" not in one._option_string_actions]
    assert lacking == []
    assert set(known) - WITHOUT == set(ANSWERS) - {"error"}
    for command, schema in schemas().items():
        assert "properties" in schema or "items" in schema or "anyOf" in schema, command


def test_runs_answer(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(store, "one", steps=60)
    for step in (20, 40, 60):
        checkpoint(run, step)
    (row,) = answer(capsys, "runs list")
    assert (row["id"], row["state"], row["steps"]) == (run.id, "finished", 60)
    shown = answer(capsys, "runs show", run.id)
    assert shown["verdict"]["sentence"].startswith("one: ")
    assert not shown["verdict"]["so_far"]
    queued = answer(capsys, "runs fork", run.id, "--at", "20")
    answer(capsys, "runs move", queued["id"], "first")
    assert answer(capsys, "runs stop", queued["id"])["done"] == "stop sent"
    for verb in ("resume", "stop"):
        answer(capsys, f"runs {verb}", queued["id"])
    answer(capsys, "runs step", queued["id"])
    for verb in ("pause", "switch"):
        words = ["0: residual=off"] if verb == "switch" else []
        assert main(["runs", verb, run.id, *words, "--json"]) == 2
        TypeAdapter(Refused).validate_python(json.loads(capsys.readouterr().out))
    answer(capsys, "runs delete", run.id)
    (lying,) = answer(capsys, "runs trash")
    assert lying["id"] == run.id
    answer(capsys, "runs restore", run.id)
    answer(capsys, "runs delete", run.id)
    assert answer(capsys, "runs trash", "--empty")["removed"] == [run.id]


def test_live_runs_answer(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(store, "one", steps=60)
    lock = run.lock()
    assert lock.acquire()
    try:
        run.write_status(run.record.model_copy(update={"state": "running", "step": 30}))
        assert answer(capsys, "runs pause", run.id)["done"] == "pause sent"
        answer(capsys, "runs switch", run.id, "0: residual=off")
        assert answer(capsys, "runs show", run.id)["verdict"]["so_far"]
    finally:
        lock.release()


def test_exports_and_imports_answer(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(store, "one", steps=20)
    answer(capsys, "runs export", run.id, "--format", "csv", "--to", str(tmp_path / "tables"))
    to = tmp_path / "runs.zip"
    assert answer(capsys, "export", "--to", str(to))["runs"] == [run.id]
    again = answer(capsys, "import", str(to), "--runs-dir", str(tmp_path / "elsewhere"))
    assert again == {"runs": [run.id], "notes": []}
    assert answer(capsys, "import", str(to))["notes"] != []


def test_sweeps_answer(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "grid.toml"
    base = "\n".join(f"{n} = {json.dumps(v)}" for n, v in SMALL.items())
    file.write_text(
        f'name = "tiny"\n[base]\n{base}\n[grid]\nmodel.scaling = ["one", "deepnorm"]\n'
        'model.placement = ["pre", "post"]\n'
    )
    planned = answer(capsys, "sweep", str(file), "--dry-run")
    assert planned["grid"] is None
    assert planned["runs"] == sum(cell["run"] is not None for cell in planned["cells"])
    impossible = [cell for cell in planned["cells"] if cell["run"] is None]
    assert impossible
    assert all(cell["reason"] for cell in impossible)
    started = answer(capsys, "sweep", str(file))
    for verb in ("pause", "resume", "cancel"):
        assert answer(capsys, "sweep", f"--{verb}", started["grid"])["grid"] == started["grid"]
    assert [run.status for run in store.list()] == ["stopped"] * started["runs"]


@pytest.mark.slow
def test_training_generating_and_looking_answer(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    done = answer(capsys, "train", *TINY, "--name", "tiny\u202e")
    assert (done["state"], done["step"]) == ("finished", SMALL["training.steps"])
    assert done["validation"] is not None
    text = answer(capsys, "generate", done["id"], "--tokens", "7")
    assert text["tokens"] == len(text["text"]) == 7
    looked = answer(capsys, "inspect", done["id"], "score", "windows=2")
    assert looked.pop("arrays")
    TypeAdapter(KINDS["score"].result).validate_python(looked)
    benched = answer(
        capsys,
        "bench",
        *TINY,
        "--optimizer.warmup_steps",
        "5",
        "--pairs",
        "1",
        "--chunk",
        "4",
        "--eager",
    )
    assert benched["pairs"] == 1
    name = "one-token"
    (claim,) = answer(capsys, "evidence", "--only", name)
    assert claim["record"]["verdict"] == "shown"


def test_adopting_answers(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    from tests.adopted import llama

    folder = llama(tmp_path / "model")
    made = answer(capsys, "adopt", str(folder), "--context", "8")
    assert store.open(made["id"]).source["sha256"] == made["source"]


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "show", "nothing"],
        ["train", "--model.depth", "-3"],
        ["train", "--no-such-thing", "3"],
        ["nonsense"],
        ["sweep"],
        ["generate", "nothing"],
        ["inspect", "nothing", "lens"],
        ["export", "--to", "/proc/none/x.zip"],
        ["import", "no-such.zip"],
        ["adopt", "no-such-folder"],
        ["evidence", "--only", "nothing"],
        ["schema", "nothing"],
        ["mcp", "--budget-runs", "-1"],
    ],
)
def test_what_is_refused_is_one_sentence_as_json_and_for_people(
    store: RunStore, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    found = json.loads(out)
    TypeAdapter(Refused).validate_python(found)
    assert len(err.splitlines()) == 1
    assert err.rstrip().endswith(found["error"][-30:])


def test_a_refusal_is_english_as_json_in_every_language(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert main(["runs", "show", "nothing", "--json"]) == 2
    out, err = capsys.readouterr()
    assert "there is no run" in json.loads(out)["error"]
    assert "there is no run" not in err


def test_a_list_stays_json_beside_a_run_that_cannot_be_read(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(store, "one", steps=20)
    broken = store.root / "20260101-000000000-broken-0000"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    capsys.readouterr()
    assert main(["runs", "list", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["id"] for row in json.loads(out)] == [run.id]
    assert broken.name in err


def test_schemas_are_printed_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "runs", "list"]) == 0
    assert json.loads(capsys.readouterr().out)["items"]
    assert main(["schema"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(schemas())
    assert main(["schema", "inspect", "lens"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)
