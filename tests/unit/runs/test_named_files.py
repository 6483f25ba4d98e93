"""Files that a user names: regular ones alone, and never more of them than they promise."""

import os
import socket
from pathlib import Path

import pytest

from core import files, grids
from core.config import DataConfig
from core.data.corpora import load_text
from core.data.downloads import CorpusError, matching
from core.files import RefusedFileError, read_named
from core.runs import RunError, RunStore
from core.transfer.archive import import_runs
from tests.conftest import small


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    """Paths that exist and are no files to read."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    end = socket.socket(socket.AF_UNIX)
    end.bind(str(tmp_path / "socket"))
    return {
        "fifo": tmp_path / "fifo",
        "link to a device": tmp_path / "link",
        "device": Path("/dev/zero"),
        "folder": tmp_path / "folder",
        "socket": tmp_path / "socket",
        "grows": Path("/proc/self/status"),
        "absent": tmp_path / "absent",
        "below a file": Path("/proc/self/status/x"),
        "too long": tmp_path / ("x" * 5000),
        "nul": Path("a\0b"),
    }


def test_what_is_no_regular_file_is_refused_with_a_sentence(odd: dict[str, Path]) -> None:
    for path in odd.values():
        with pytest.raises(RefusedFileError) as refused:
            read_named(path, 2**20)
        assert len(str(refused.value)) < 400
    with pytest.raises(RefusedFileError, match="device"):
        read_named("/dev/zero", 9)


def test_at_most_the_limit_and_one_byte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"x" * 100)
    assert read_named(path, 100) == b"x" * 100
    with pytest.raises(RefusedFileError, match="limit"):
        read_named(path, 99)


def test_a_file_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"x" * 100)
    real = os.fstat

    def and_it_grows(fd: int) -> os.stat_result:
        found = real(fd)
        with open(path, "ab") as file:
            file.write(b"x" * 100)
        return found

    monkeypatch.setattr(files.os, "fstat", and_it_grows)
    with pytest.raises(RefusedFileError, match="grows"):
        read_named(path, 10_000)


def test_every_reader_of_named_files_refuses_them(odd: dict[str, Path], store: RunStore) -> None:
    for path in odd.values():
        if "\0" in str(path):
            continue  # refused with the settings
        with pytest.raises(CorpusError):
            load_text(DataConfig(path=str(path)))
        with pytest.raises(grids.GridError):
            grids.load(str(path))
        with pytest.raises(RunError):
            import_runs(store, path)
    with pytest.raises(CorpusError):
        load_text(DataConfig(path="~nobody-of-this-name/x"))
    for folder in {path.parent for path in odd.values() if "\0" not in str(path)}:
        assert matching(folder, 0, "0" * 64) is None
    assert store.list() == []


def test_no_page_opens_a_path_before_a_button_is_pressed(
    odd: dict[str, Path], store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.ui import cost

    def opened(*_: object) -> bytes:
        raise AssertionError("it was opened")

    monkeypatch.setattr("core.data.corpora.read_named", opened)
    config = small(data__corpus="file", data__path=str(odd["link to a device"]))
    vocabulary, problem = cost.vocabulary(config)
    assert vocabulary
    assert not problem
    told = cost.size(config, vocabulary)
    assert odd["link to a device"].name in told
    assert "read at Train" in told
