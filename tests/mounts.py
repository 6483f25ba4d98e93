"""Small file systems of a test's own, which need the rights to mount."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Small:
    """A file system in memory that can be filled, made read-only, and freed again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Not a byte is free."""
        with contextlib.suppress(OSError), open(self._filler, "ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """What filled it is gone."""
        self._filler.unlink(missing_ok=True)

    def read_only(self, yes: bool = True) -> None:
        """Nothing can be written, or it can again."""
        mode = "ro" if yes else "rw"
        subprocess.run(["mount", "-o", f"remount,{mode}", self.path], check=True)


@contextlib.contextmanager
def small(path: Path, size: str = "16m") -> Iterator[Small]:
    """Mount one at a folder that is made; raises OSError where that is not permitted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise OSError(getattr(error, "stderr", None) or str(error)) from error
    try:
        yield Small(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Small]:
    """Sixteen megabytes; the test is skipped where nothing can be mounted."""
    try:
        with small(tmp_path / "disk") as disk:
            yield disk
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
