"""The registry of jobs at work: it trusts no folder of others and follows no link."""

import os
from pathlib import Path

import pytest

from core.jobs import slots
from core.jobs.slots import Slot, registry
from core.runs import RunError
from core.runs.locks import Lock, is_locked


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /tmp, and a cache folder to fall back to."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(slots.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    slots._warn.cache_clear()
    return folder


def own(shared: Path) -> Path:
    return shared / f"addnorm-{os.getuid()}"


def test_the_registry_is_the_users_alone(shared: Path) -> None:
    own(shared).mkdir(mode=0o777)
    os.chmod(own(shared), 0o777)
    folder = registry()
    assert folder == own(shared) / "places"
    for one in (folder, folder.parent):
        assert one.stat().st_mode & 0o777 == 0o700


def test_a_planted_folder_or_link_is_not_trusted(
    shared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own(shared).symlink_to(elsewhere)
    for _ in range(3):
        assert registry() == tmp_path / "addnorm" / "places"
    assert list(elsewhere.iterdir()) == []
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "is a link" in told[0]
    slot = Slot("cpu")
    assert slot.enter()
    slot.leave()


def test_a_folder_of_another_user_is_not_trusted(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.lstat

    def of_another(path, **more):
        found = real(path, **more)
        if Path(path) == own(shared):
            fields = list(found)
            fields[4] = os.getuid() + 1
            return os.stat_result(fields)
        return found

    own(shared).mkdir()
    monkeypatch.setattr(slots.os, "lstat", of_another)
    assert registry() == tmp_path / "addnorm" / "places"


def test_without_any_private_folder_the_sentence_says_what_to_do(
    shared: Path, tmp_path: Path
) -> None:
    own(shared).write_text("a file")
    (tmp_path / "addnorm").write_text("a file")
    with pytest.raises(RunError, match="XDG_RUNTIME_DIR"):
        registry()


def test_a_planted_link_has_nothing_overwritten(shared: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    (registry() / ".gate").symlink_to(precious)
    with pytest.raises(OSError, match="link"):
        Slot("cpu").enter()
    assert precious.read_text() == "years of work"
    link = tmp_path / "lock"
    link.symlink_to(precious)
    with pytest.raises(OSError, match="link"):
        Lock(link).acquire()
    assert not is_locked(link)


def test_a_lock_that_is_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")
    with pytest.raises(OSError, match="not a regular file"):
        Lock(tmp_path / "lock").acquire()
