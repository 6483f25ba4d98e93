"""The audit of pinned packages: it tells what was changed and what is known, and when it can't."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from tests import audit

# Stands for pip-audit: it knows what KNOWN says.
FAKE = """
import json, sys
known = json.loads(sys.argv[1])
names = [line.strip() for line in open("/dev/stdin")]
print(json.dumps({"dependencies": [
    {"name": n.split("==")[0], "version": n.split("==")[1], "vulns": known.get(n, [])}
    for n in names
]}))
"""
KNOWN = {audit.KNOWN: [{"id": "CVE-1", "fix_versions": ["2"]}]}


def fake(known: dict[str, Any]) -> list[str]:
    return [sys.executable, "-c", FAKE, json.dumps(known)]


def test_a_database_that_is_not_reached_is_told_from_one_that_knows_nothing() -> None:
    wanted = {"mine": "1.0"}
    assert audit.advisories(fake({}), wanted) is None
    assert audit.advisories([sys.executable, "-c", "1/0"], wanted) is None
    assert audit.advisories(["/no/such/pip-audit"], wanted) is None
    assert audit.advisories(fake(KNOWN), wanted) == []
    bad = {**KNOWN, "mine==1.0": [{"id": "CVE-2", "fix_versions": []}]}
    assert audit.advisories(fake(bad), wanted) == ["mine 1.0: CVE-2 (mended in no release yet)"]


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    folder = tmp_path / "mine-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    sha = audit.sha256(tmp_path / "mine.py")
    (folder / "RECORD").write_text(f"mine.py,sha256={sha},6\nmine-1.0.dist-info/RECORD,,\n")
    installed = Distribution.at(folder)
    assert list(audit.changed(installed)) == []
    (tmp_path / "mine.py").write_text("x = 2\n")
    (said,) = audit.changed(installed)
    assert "mine.py of mine was changed" in said
    (tmp_path / "mine.py").unlink()
    assert "can't be read" in next(audit.changed(installed))


def test_every_pin_is_read_and_a_missing_or_other_one_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"torch", "streamlit", "pytest", "hypothesis"} <= audit.pins().keys()
    monkeypatch.setattr(audit, "pins", lambda: {"no-such-package": "1", "markupsafe": "0.1"})
    assert audit.main([]) == 1
    said = capsys.readouterr().out
    assert "no-such-package is not installed" in said
    assert "pinned is 0.1" in said
    assert "advisories: skipped" in said
