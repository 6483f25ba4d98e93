"""The container's files name what is there; no engine builds them here."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
# Folders of the product that a container needs; their files are found through `core.resources`.
NEEDED = ("core/__main__.py", "dashboard/__main__.py", "assets/presets/classic.toml",
          "assets/languages/zh/core.cli.po", ".streamlit/config.toml")  # fmt: skip


def instructions() -> list[list[str]]:
    """Each instruction of the Dockerfile in words, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [shlex.split(line) for line in whole.splitlines() if line.strip()]


def ignored(path: str) -> bool:
    """Whether `.dockerignore` leaves a path out: the last pattern that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split():
        pattern = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        deep = pattern.removeprefix("**/")
        if any(fnmatch(one, pattern) for one in above if pattern.count("/") == one.count("/")) or (
            pattern.startswith("**/") and any(fnmatch(part, deep) for part in parts)
        ):
            out = not line.startswith("!")
    return out


def test_what_is_copied_is_there_and_not_left_out() -> None:
    copied = [word for name, *words in instructions() if name == "COPY" for word in words[:-1]]
    assert {"core", "dashboard", "assets", "requirements.txt"} <= set(copied)
    for word in copied:
        assert (ROOT / word).exists(), word
        assert not ignored(word), word


@pytest.mark.parametrize("path", NEEDED)
def test_what_the_product_needs_comes_along(path: str) -> None:
    assert (ROOT / path).exists()
    assert not ignored(path)


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", "runs/x/config.json", ".streamlit/secrets.toml",
     "tests/conftest.py", "dashboard/frontend/node_modules/a.js", "core/__pycache__/a.pyc"],
)  # fmt: skip
def test_what_is_nobodys_business_stays_out(path: str) -> None:
    assert ignored(path)


def test_it_runs_as_a_user_on_the_port_that_is_published() -> None:
    found = {name: words for name, *words in instructions()}
    assert found["USER"] == ["lab"]
    assert re.search(r"useradd --uid 1000", DOCKERFILE)
    (port,) = found["EXPOSE"]
    (lab,) = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ].values()
    assert lab["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert lab["init"]
    told = set(re.findall(r"ADDNORM_\w+", DOCKERFILE)) | set(lab["environment"])
    known = {
        name
        for folder in ("core", "dashboard")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"ADDNORM_\w+", path.read_text(encoding="utf-8"))
    }
    assert told <= known


def test_the_deployment_notes_name_files_that_exist() -> None:
    text = (ROOT / "assets/deploy/README.md").read_text(encoding="utf-8")
    for name in ("compose.yaml", "tests/unit/test_deploy.py"):
        assert f"`{name}`" in text
        assert (ROOT / name).exists()
    for name in ("nginx.conf", "Caddyfile"):
        assert f"`{name}`" in text
        assert (ROOT / "assets/deploy" / name).exists()
