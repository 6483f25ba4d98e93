"""Adding a page is one file: it is in the navigation, after the others, and is drawn."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.runs import RunStore
from dashboard.ui import navigation
from tests.fake_runs import finished

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# What the guide tells a newcomer to write, to the letter.
SCRIPT = re.search(r"app_pages/notes\.py.*?```python\n(.*?)```", GUIDE, re.DOTALL)[1]


def test_the_pages_are_those_of_the_folder_and_the_lab_opens_first() -> None:
    names = navigation.names()
    titles = [navigation.title(name) for name in names]
    pages = ["Lab", "Learn", "Compare", "Attention", "Anatomy", "Evidence", "Runs", "Glossary"]
    assert titles == pages
    assert len(names) == len(list(navigation.FOLDER.glob("*.py")))


@pytest.mark.parametrize("trained", [False, True])
def test_a_page_is_one_file(tmp_path: Path, store: RunStore, trained: bool) -> None:
    house = tmp_path / "house"
    for part in ("core", "dashboard", "assets", ".streamlit"):
        skip = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, house / part, ignore=skip)
    (house / "dashboard" / "app_pages" / "notes.py").write_text(SCRIPT, encoding="utf-8")
    if trained:
        finished(store, name="with residuals")
    script = (
        "from streamlit.testing.v1 import AppTest\n"
        "from dashboard.ui import navigation\n"
        "name = navigation.names()[-1]\n"
        "print(name, navigation.title(name), sep='|')\n"
        "app = AppTest.from_file('dashboard/main.py', default_timeout=60).run()\n"
        "app.switch_page('app_pages/notes.py').run()\n"
        "assert not app.exception, app.exception\n"
        "print([one.value for one in app.text], any('No runs yet' in str(one.proto) for one in"
        " app.main if one.type == 'html'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said, drawn = done.stdout.strip().splitlines()[-2:]
    assert said == "notes|Notes"
    assert drawn == ("['with residuals: finished'] False" if trained else "[] True")
