"""Runs that are only to look at: whatever would change them is refused, whoever asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.evidence.registry import CLAIMS
from core.grids import Grid
from core.jobs import checks, control, delete, enqueue, grids, inspections, launcher, move
from core.jobs.processes import INSPECTOR, ensure
from core.pretrained.adopt import adopt
from core.runs import Run, RunError, RunStore, read_only
from core.transfer.tables import import_runs
from tests.conftest import small

ACTS: dict[str, Callable[[RunStore, Run], object]] = {
    "create": lambda store, run: store.create(small()),
    "enqueue": lambda store, run: enqueue(store, small()),
    "resume": lambda store, run: control(store, run, "resume"),
    "stop": lambda store, run: control(store, run, "stop"),
    "switch": lambda store, run: control(store, run, "switch", "0: residual=off"),
    "move": lambda store, run: move(store, run, "first"),
    "delete": lambda store, run: delete(store, run),
    "delete for good": lambda store, run: store.delete(run.id, now=True),
    "restore": lambda store, run: store.restore(run.id),
    "rename": lambda store, run: run.update_meta(name="mine"),
    "command": lambda store, run: run.send("stop"),
    "grid": lambda store, run: grids.start(store, Grid("grid", small(), {"model.depth": (1, 2)})),
    "pause a grid": lambda store, run: grids.pause(store, "grid"),
    "resume a grid": lambda store, run: grids.resume(store, "grid"),
    "cancel a grid": lambda store, run: grids.cancel(store, "grid"),
    "ask": lambda store, run: inspections.ask(store, run, "heads"),
    "ask here": lambda store, run: inspections.prepare(run, "heads"),
    "empty the trash": lambda store, run: store.trash.remove(store.trash.list()),
    "check": lambda store, run: checks.ask(store, CLAIMS[0]),
    "adopt": lambda store, run: adopt(store, "/etc"),
    "import": lambda store, run: import_runs(store, "/etc/passwd"),
}


def content(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    return {
        str(one): (one.stat().st_size, one.stat().st_mtime_ns)
        for one in sorted(root.rglob("*"))
        if one.is_file()
    }


@pytest.fixture
def run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    kept = Path(__file__).parent / "fixtures" / "transformer-ended"
    shutil.copytree(kept, store.root / "kept")
    made = store.open("kept")
    monkeypatch.setenv(read_only.VARIABLE, "1")
    return made


@pytest.mark.parametrize("act", list(ACTS))
def test_it_is_refused_with_one_sentence(store: RunStore, run: Run, act: str):
    before = content(store.root)
    with pytest.raises(RunError, match="only to look at"):
        ACTS[act](store, run)
    assert content(store.root) == before


def test_what_is_due_stays_in_the_trash(store: RunStore, run: Run):
    deleted = store.root / ".trash" / f"{1:020d}_old"
    deleted.mkdir(parents=True)
    (store.root / ".deleted-1-old").mkdir()
    assert not store.trash.sweep()
    assert [one.id for one in store.trash.list()] == ["old"]
    assert (store.root / ".deleted-1-old").is_dir()


COMMANDS: dict[tuple[str, ...], int] = {
    ("runs", "list"): 0,
    ("runs", "show", "kept"): 0,
    ("runs", "trash"): 0,
    ("runs", "trash", "--empty"): 2,
    ("inspect", "kept", "lens"): 2,
    ("generate", "kept", "--tokens", "3"): 0,
}


def test_commands_read_and_change_nothing(store: RunStore, run: Run):
    deleted = store.root / ".trash" / f"{time.time_ns():020d}_old"
    deleted.mkdir(parents=True)
    (deleted / "config.json").write_text("{}")
    before = content(store.root)
    for command, status in COMMANDS.items():
        done = subprocess.run(
            [sys.executable, "-m", "core", *command, "--runs-dir", str(store.root)],
            cwd=Path(__file__).resolve().parents[3],
            env={**os.environ, read_only.VARIABLE: "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, (command, done.stderr)
        assert ("only to look at" in done.stderr) is (status == 2), command
        assert content(store.root) == before, command
        assert not (run.path / "inspections").exists(), command


def test_no_process_is_started(store: RunStore, run: Run):
    before = content(store.root)
    launcher.revive(store)
    ensure(INSPECTOR, store.root)
    assert content(store.root) == before


@pytest.mark.parametrize(
    ("said", "is_so"), [("1", True), ("yes", True), ("0", False), ("", False), ("off", False)]
)
def test_what_the_variable_says(monkeypatch: pytest.MonkeyPatch, said: str, is_so: bool):
    monkeypatch.setenv(read_only.VARIABLE, said)
    assert read_only.is_read_only() is is_so


# In a process of its own: what is guarded stays so for its life.
TRIES = """
import os, shutil, sys
from pathlib import Path
from core.runs import read_only
root, other = Path(sys.argv[1]), Path(sys.argv[2])
os.symlink(root, other / "link")
read_only.guard(root)
tries = {
    "open": lambda: open(root / "new", "w"),
    "append": lambda: open(root / "kept", "a"),
    "os.open": lambda: os.open(root / "kept", os.O_RDWR),
    "link": lambda: open(other / "link" / "kept", "w"),
    "relative": lambda: (os.chdir(root), open("kept", "w")),
    "mkdir": lambda: (root / "folder").mkdir(),
    "rename": lambda: os.rename(root / "kept", other / "taken"),
    "into": lambda: os.rename(other / "own", root / "own"),
    "unlink": lambda: (root / "kept").unlink(),
    "rmtree": lambda: shutil.rmtree(root),
    "utime": lambda: os.utime(root / "kept"),
    "bytes": lambda: open(os.fsencode(root / "kept"), "wb"),
}
for name, act in tries.items():
    try:
        act()
    except OSError as error:
        assert error.errno == 30, (name, error)
    else:
        print(name, "was let through")
assert open(root / "kept").read() == "kept"
(other / "own").write_text("changed")
"""


def test_nothing_below_the_folder_can_be_written_in_any_way(tmp_path: Path):
    root, other = tmp_path / "runs", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "kept").write_text("kept")
    (other / "own").write_text("own")
    done = subprocess.run(
        [sys.executable, "-c", TRIES, str(root), str(other)],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(os.listdir(root)) == ["kept"]
    assert (other / "own").read_text() == "changed"
