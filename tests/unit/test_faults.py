"""A tenth of the campaign of faults (`make faults`), with another seed: nothing is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the campaign forks and locks as Linux does")
def test_nothing_is_lost_by_any_of_forty_faults() -> None:
    # A process of its own: it forks, which a process that has trained must not.
    options = {"--cases": "40", "--seed": "20", "--workers": "2"}
    asked = [
        sys.executable,
        "-m",
        "tests.faults",
        *(word for one in options.items() for word in one),
    ]
    kept = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
    found = subprocess.run(
        asked, cwd=ROOT, env={**kept, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert re.search(r"\*\*all\*\* \| \*\*(3[2-9]|40)( \(|\*\*)", found.stdout), found.stdout
