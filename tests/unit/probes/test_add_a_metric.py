"""Adding a metric is one function and two rows: runs record it, and it has a unit everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("How to add a metric")[2]
# What the guide tells a newcomer to write, to the letter: a module, a probe more, a unit.
MODULE, PROBE, UNIT = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[:3]


def changed(path: Path, pattern: str, new: str) -> None:
    text, times = re.subn(pattern, lambda _: new, path.read_text("utf-8"), flags=re.MULTILINE)
    assert times == 1, (path, pattern)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with one metric more."""
    copy = tmp_path_factory.mktemp("house")
    for part in ("core", "dashboard", "assets", ".streamlit"):
        skip = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, copy / part, ignore=skip)
    (copy / "core" / "probes" / "growth.py").write_text(MODULE, encoding="utf-8")
    (imported, row) = [line for line in PROBE.splitlines() if line]
    probes = copy / "core" / "probes" / "of_trace.py"
    changed(probes, r"^PROBES: .*$", row)
    changed(probes, r"^(?=Trace = )", imported + "\n\n")
    changed(copy / "core" / "metrics" / "names.py", r"^UNITS = \{\n", "UNITS = {\n" + UNIT)
    return copy


def python(house: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=house,
        env={**os.environ, "ADDNORM_RUNS": str(house / "runs"), "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_run_records_it_for_each_layer(house: Path) -> None:
    small = [f"--model.{name}={n}" for name, n in (("depth", 3), ("width", 16), ("context", 16))]
    line = ["-m", "core", "train", "--steps", "2", "--device", "cpu", "--probes.every", "1"]
    line += ["--training.threads", "1"]
    run = python(house, *line, *small).splitlines()[-1]
    script = (
        "import json, sys\n"
        "from core.runs import RunStore\n"
        "steps, values = RunStore().open(sys.argv[1]).series('stream/growth')\n"
        "print(json.dumps([steps.tolist(), values.tolist()]))"
    )
    steps, values = json.loads(python(house, "-c", script, run))
    assert steps == [0, 1]
    assert [len(row) for row in values] == [3, 3]
    assert all(0.1 < value < 10 for row in values for value in row)


def test_the_catalogue_and_the_browser_know_its_unit(house: Path) -> None:
    script = (
        "from core.metrics.names import for_browser, title_of, unit_of\n"
        "one = 'stream/growth'\n"
        "print(unit_of(one), title_of(one), for_browser()['units'][one], sep='|')"
    )
    words = python(house, "-c", script).splitlines()[-1]
    assert words == "growth of the stream|Growth of the stream|growth of the stream"
    python(house, "-m", "dashboard.web.assets")
    scripts = (house / "dashboard" / "frontend" / "src").rglob("*.js")
    assert any("growth of the stream" in path.read_text("utf-8") for path in scripts)
