"""Who may read a run: no more people than may read the runs folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.__main__ import main
from core.files import keep_as_private_as
from core.runs import RunStore
from tests.conftest import small
from tests.fake_runs import finished


def modes(root: Path) -> set[str]:
    """The modes of a folder, of the folders in it and of their files."""
    found = [root, *root.rglob("*")]
    return {oct(stat.S_IMODE(p.stat().st_mode)) for p in found if p.name != ".trash"}


@pytest.fixture(autouse=True)
def _usual_umask() -> None:
    os.umask(0o022)


def test_a_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "a" / "runs")
    keep_as_private_as(store.root)
    finished(store, steps=5)
    assert modes(store.root) == {"0o700", "0o600"}


@pytest.mark.parametrize(
    ("folder", "made"),
    [(0o750, {"0o750", "0o640"}), (0o755, {"0o755", "0o644"}), (0o700, {"0o700", "0o600"})],
)
def test_what_is_made_in_a_folder_is_as_open_as_it_is(
    tmp_path: Path, folder: int, made: set[str]
) -> None:
    store = RunStore(tmp_path / "runs")
    store.root.mkdir()
    store.root.chmod(folder)
    keep_as_private_as(store.root)
    finished(store, steps=5)
    assert modes(store.root) == made


def test_never_more_open_than_the_user_s_own_files(tmp_path: Path) -> None:
    os.umask(0o077)
    keep_as_private_as(tmp_path)
    (tmp_path / "file").touch()
    assert oct((tmp_path / "file").stat().st_mode)[-3:] == "600"


def test_a_folder_that_a_program_makes_is_private_too(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store.create(small())
    assert oct(store.root.stat().st_mode)[-3:] == "700"


def test_commands_keep_to_it_and_an_export_does_not(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(store, steps=5)
    assert main(["export", "--to", str(tmp_path / "all.zip")]) == 0
    assert oct((tmp_path / "all.zip").stat().st_mode)[-3:] == "644"
    assert main(["runs", "list"]) == 0
    (tmp_path / "later").touch()
    assert oct((tmp_path / "later").stat().st_mode)[-3:] == "600"
