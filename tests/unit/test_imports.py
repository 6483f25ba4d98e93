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
PROGRAM = """
import contextlib, importlib, json, os, sys
names, others = json.loads(sys.stdin.read())
for name in others:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
for name in names:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
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
