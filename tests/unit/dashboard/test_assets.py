"""The live views' parts make one module: its names are declared once, and it can be read."""

import re
import shutil
import subprocess
from collections import Counter

import pytest

from dashboard import assets

DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let)\s+(\w+)", re.M)


def test_no_two_parts_declare_one_name():
    counted = Counter(DECLARED.findall(assets.hub().decode()))
    assert [name for name, times in counted.items() if times > 1] == []


def test_every_part_is_in_the_module():
    loader = {"loader.js"}  # Streamlit itself runs it
    assert {path.name for path in assets.SOURCES.glob("*.js")} - loader == set(assets.PARTS)


@pytest.mark.skipif(not shutil.which("node"), reason="node reads the module where there is one")
def test_the_module_can_be_read(tmp_path):
    module = tmp_path / "hub.mjs"
    module.write_bytes(assets.hub())
    subprocess.run(["node", "--check", str(module)], check=True, capture_output=True, text=True)
