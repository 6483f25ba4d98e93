"""Each module of the library and of the dashboard can be imported first: no circle at load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Scripts, which do their work when they are imported.
SCRIPTS = ("__main__", "app_pages")

# The packages of others are imported once; a copy of that process imports one module of ours.
# What that brought is tried next, the last first. Once each part of it has been imported first by
# a copy, the process keeps it: it knows nothing of those that are still to be tried, so a module
# that imports it meets the same circles, and most copies have little left to read.
PROGRAM = """
import contextlib, importlib, json, os, sys
names, others = json.loads(sys.stdin.read())
for name in others:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
tops = {name.partition(".")[0] for name in names}
tried = set()

def ours():
    return [name for name in sys.modules if name.partition(".")[0] in tops]

def brought(name):
    # The modules of ours that come with this one, in a copy of the process; None if it fails.
    reading, writing = os.pipe()
    before = {*ours()}
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
            with open(writing, "w") as file:
                json.dump([one for one in ours() if one not in before], file)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        said = file.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else None

def visit(name):
    if name in tried:
        return True
    tried.add(name)
    found = brought(name)
    if found is not None and all([visit(one) for one in reversed(found)]):
        importlib.import_module(name)
    return found is not None

for name in names:
    visit(name)
"""
OTHERS = (
    "numpy", "pydantic", "pyarrow", "safetensors.torch", "streamlit", "plotly.graph_objects",
    "starlette.routing", "torch", "torch.nn.functional", "tqdm",
)  # fmt: skip


def modules(folder: Path) -> list[str]:
    """The dotted names of all modules below a folder of the repository."""
    files = (path.relative_to(ROOT).with_suffix("") for path in sorted(folder.rglob("*.py")))
    parts = [path.parts for path in files if not set(SCRIPTS) & set(path.parts)]
    return [".".join(one[:-1] if one[-1] == "__init__" else one) for one in parts]


def failing(names: list[str], where: Path, others: tuple[str, ...] = ()) -> list[str]:
    """Those of the modules that can't be imported first, each with its error."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps([names, others]), cwd=where, text=True,
        capture_output=True, timeout=600, check=True,
    )  # fmt: skip
    return ran.stdout.splitlines()


def test_each_module_can_be_imported_first() -> None:
    names = [*modules(ROOT / "core"), *modules(ROOT / "dashboard")]
    assert {
        "core.catalogue.naming",
        "core.grids",
        "core.jobs.execute_run",
        "dashboard.launch.grid_dialog",
    } <= set(names)
    assert failing(names, ROOT, OTHERS) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from two import b\na = 1\n")
    (tmp_path / "two.py").write_text("from one import a\nb = 2\n")
    found = failing(["one", "two"], tmp_path)
    assert [line.split(":")[0] for line in found] == ["one", "two"]
    assert all("circular import" in line for line in found)


def test_a_circle_is_found_behind_a_module_that_enters_it_by_its_other_end(tmp_path: Path) -> None:
    """What came along without an error is tried by itself too, before the process keeps it."""
    (tmp_path / "whole.py").write_text("import two\n")
    (tmp_path / "one.py").write_text("import two\na = 1\n")
    (tmp_path / "two.py").write_text("from one import a\n")
    for names in (["whole", "two", "one"], ["one", "two", "whole"]):
        assert [line.split(":")[0] for line in failing(names, tmp_path)] == ["one"]
