"""Adding a norm is one module and one row: it trains, counts its parameters, and is offered."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from core.config.norms import CONVOLUTIONAL, NORMS, Norm
from core.config.wiring import PLACEMENTS, SCALINGS, Placement, Scaling
from core.models import norms

ROOT = Path(__file__).resolve().parents[3]

README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the README tells a newcomer to write, to the letter: a module, a word, a row.
MODULE = re.search(r"core/models/norms/unit\.py.*?```python\n(.*?)```", README, re.DOTALL)[1]
WORD = re.search(r"^Norm = Literal.*$", README, re.MULTILINE)[0]
ROW = re.search(r'^    "unit": .*$', README, re.MULTILINE)[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with one norm more."""
    copy = tmp_path_factory.mktemp("house")
    for part in ("core", "dashboard", "assets", ".streamlit"):
        skip = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, copy / part, ignore=skip)
    (copy / "core" / "models" / "norms" / "unit.py").write_text(MODULE, encoding="utf-8")
    rows = copy / "core" / "config" / "norms.py"
    text = rows.read_text(encoding="utf-8")
    text, words = re.subn(r"^Norm = Literal.*$", lambda _: WORD, text, flags=re.MULTILINE)
    text, added = re.subn(
        r'^(?=    "none": NormRow)', lambda _: ROW + "\n", text, flags=re.MULTILINE
    )
    assert (words, added) == (1, 1)
    rows.write_text(text, encoding="utf-8")
    return copy


def python(house: Path, *words: str) -> str:
    environment = {**os.environ, "ADDNORM_RUNS": str(house / "runs"), "PYTHONPATH": str(house)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=house,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_module_has_a_row_and_every_row_its_word() -> None:
    modules = {path.stem for path in Path(norms.__file__).parent.glob("[!_]*.py")}
    assert modules == {*NORMS} - {"none"}
    assert {*get_args(Norm)} == {*NORMS, *CONVOLUTIONAL}
    assert {*get_args(Placement)} == {*PLACEMENTS}
    assert {*get_args(Scaling)} == {*SCALINGS}


def test_it_is_offered_by_the_settings_and_drawn(house: Path) -> None:
    script = (
        "import json, sys\n"
        "from core.config import ModelConfig, choices, settings\n"
        "from core.estimate import parameters\n"
        "from dashboard.figures.equation import equation, plain\n"
        "one = ModelConfig(norm='unit')\n"
        "print(json.dumps([choices('model.norm'), settings()['model.norm'].description,\n"
        "    parameters(one, 9), parameters(ModelConfig(norm='rms'), 9), plain(equation(one)),\n"
        "    'torch' in sys.modules]))"
    )
    words, described, own, rms, shown, torch = json.loads(python(house, "-c", script))
    assert "unit" in words
    assert "unit: Unit norm, x / ‖x‖." in described
    assert own == rms
    assert "UN" in shown
    assert not torch


def test_it_trains_from_the_command_line(house: Path) -> None:
    small = [f"--model.{name}={n}" for name, n in (("depth", 2), ("width", 16), ("context", 16))]
    line = ["-m", "core", "train", "--model.norm", "unit", "--steps", "2", "--device", "cpu"]
    line += ["--training.threads", "1"]
    run = python(house, *line, *small).splitlines()[-1]
    record = json.loads((house / "runs" / run / "status.json").read_text())
    assert record["state"] == "finished"
    assert "unit" in python(house, "-m", "core", "train", "--help")


def test_the_page_has_its_segment(house: Path) -> None:
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "page = 'from dashboard.lab import switches; switches.switches()'\n"
        "app = AppTest.from_string(page, default_timeout=60).run()\n"
        "app.button_group(key='model_norm').set_value('unit').run()\n"
        "assert not app.exception\n"
        "print(app.button_group(key='model_norm').value)"
    )
    assert python(house, "-c", script).splitlines()[-1] == "unit"
