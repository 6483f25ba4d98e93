"""What a node of a Ray cluster does for a run. The standard library alone.

This module travels to the node as it is written here, whatever is installed there, so it may import
nothing of the lab. What it starts there, :mod:`core.jobs.node_worker`, comes along as an archive;
the packages that the lab needs have to be on the node.

A run trains in a process of its own, which ends when this one does. Where the node does not see the
runs folder it trains in a copy of the run's directory, and :meth:`Trainer.look` tells what changed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
import zlib
from typing import Any

GROWING = re.compile(r".*\.(arrow|jsonl|txt)")  # what is only added to, as long as it stays itself
APART = re.compile(r"(lock|reserve|elsewhere\.json|control(/.*)?|(.*/)?\.[^/]*)")  # never fetched
FOLDERS = ("metrics", "snapshots", "checkpoints", "control")  # of a run's directory
BUDGET = 16 * 2**20  # bytes in one answer
TAIL = 4096  # bytes by which a file that has grown is known to be the same still
SMALL = 2**20  # bytes of a state
Signature = tuple[int, int, int]  # inode, time of change, size


class Trainer:
    """An actor: trains one run on its node. Its calls take turns and none of them waits."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._copy: Copy | None = None
        self._folder = ""

    def hello(self, nonce: str, text: str) -> dict[str, Any]:
        """Which machine this is, its process, and whether it sees a file that holds this text."""
        seen = False
        with contextlib.suppress(OSError), open(nonce) as file:
            seen = file.read(len(text) + 1) == text
        return {
            "host": host(),
            "sees": seen,
            "begun": self._process is not None,
            "copied": self._copy is not None,
        }

    def has(self, code: str) -> bool:
        """Whether the lab's program of this hash is here."""
        return os.path.isdir(_home(code))

    def bring(self, code: str, archive: bytes) -> None:
        """Unpack the lab's program; who else does so meanwhile does no harm."""
        unpack(code, archive)

    def keep(self, name: str) -> None:
        """Train in a copy: in an empty folder of this node, which is filled by `put`."""
        self._folder = os.path.join(tempfile.mkdtemp(prefix="addnorm-"), name)
        for one in FOLDERS:
            os.makedirs(os.path.join(self._folder, one))
        self._copy = Copy(self._folder)

    def put(self, path: str, data: bytes, at: int = 0) -> None:
        """A piece of a file of the copy."""
        assert self._copy is not None
        self._copy.put(path, data, at)

    def begin(
        self, code: str, folder: str, threads: int, token: str, environment: dict[str, str]
    ) -> None:
        """Start training, in the `folder` that people look at or ("") in the copy."""
        place = folder or self._folder
        words = ["core.jobs.node_worker", place, str(threads), token if folder else "-", "--follow"]
        with open(os.path.join(place, "log.txt"), "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=_home(code),
                env=surroundings(code, environment),
                stdin=subprocess.PIPE,  # closed when this process has gone, however
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, name: str, text: str) -> None:
        """Leave a command for the copy: a marker of this name."""
        control = os.path.join(self._folder, "control")
        made = os.path.join(control, f".new-{name}")
        with open(made, "w") as file:
            file.write(text)
        os.rename(made, os.path.join(control, name))

    def known(self, files: dict[str, tuple[int, int]]) -> None:
        """Who follows has these files, by size and CRC-32; the others are told of anew."""
        assert self._copy is not None
        self._copy.known(files)

    def look(self) -> dict[str, Any]:
        """What became of the process (None while it works), and of a copy what is new in it.

        `files` are pieces: path, offset, the file's size, bytes; `gone` are paths. With `more`
        there are further ones at once.
        """
        assert self._process is not None
        code = self._process.poll()
        if self._copy is None:
            return {"code": code, "files": [], "gone": [], "more": False}
        files, gone, more = self._copy.changes()
        return {"code": code, "files": files, "gone": gone, "more": more}

    def end(self) -> None:
        """Stop what still works, and leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._copy is not None:
            shutil.rmtree(os.path.dirname(self._folder), ignore_errors=True)


class Copy:
    """A run's directory on this node, and what of it was told already."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._told: dict[str, tuple[Signature, int]] = {}  # and the CRC-32 of its tail
        self._partial: tuple[str, Signature, int] | None = None  # the first bytes of a large file

    def put(self, path: str, data: bytes, at: int = 0) -> None:
        """Write a piece of a file; what was put here is known to who put it."""
        whole = self._path(path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "r+b" if at else "wb") as file:
            file.seek(at)
            file.write(data)
        self._remember(path)

    def known(self, files: dict[str, tuple[int, int]]) -> None:
        """Forget what was told, but for files that are as large and have this CRC-32."""
        before, self._told, self._partial = self._told, {}, None
        for path, what in before.items():
            if not os.path.exists(self._path(path)):
                self._told[path] = what  # that it has gone is still to be told
        for path, (size, crc) in files.items():
            with contextlib.suppress(OSError):
                if os.path.getsize(self._path(path)) == size and self._crc(path) == crc:
                    self._remember(path)

    def changes(self) -> tuple[list[tuple[str, int, int, bytes]], list[str], bool]:
        """Pieces of what changed, what has gone, and whether there is more.

        The state is read first and told last, so that it never says more than the rest holds.
        """
        state = b""
        with contextlib.suppress(OSError), open(self._path("status.json"), "rb") as file:
            state = file.read(SMALL)
        pieces: list[tuple[str, int, int, bytes]] = []
        left, there = BUDGET, self._files()
        gone = [path for path in self._told if path not in there]
        for path in gone:
            del self._told[path]
        # A checkpoint's list of contents is written last and told last.
        for path in sorted(there, key=lambda one: (one.endswith(".json"), one)):
            if path == "status.json":
                continue
            with contextlib.suppress(OSError):
                left -= self._piece(path, there[path], left, pieces)
            if left <= 0:
                return pieces, gone, True
        if state and self._told.get("status.json", (None, 0))[1] != zlib.crc32(state):
            self._told["status.json"] = (0, 0, len(state)), zlib.crc32(state)
            pieces.append(("status.json", 0, len(state), state))
        return pieces, gone, False

    def _piece(
        self,
        path: str,
        now: Signature,
        most: int,
        pieces: list[tuple[str, int, int, bytes]],
    ) -> int:
        """Add what is new of a file, at most so many bytes; returns how many."""
        before, tail = self._told.get(path, ((-1, -1, -1), 0))
        if before == now:
            return 0
        begin = 0
        with open(self._path(path), "rb") as file:
            if self._partial is not None and self._partial[:2] == (path, now):
                begin = self._partial[2]
            elif GROWING.fullmatch(path) and before[0] == now[0] and before[2] <= now[2]:
                file.seek(max(0, before[2] - TAIL))
                if zlib.crc32(file.read(min(TAIL, before[2]))) == tail:
                    begin = before[2]
            file.seek(begin)
            data = file.read(min(most, now[2] - begin))
        end = begin + len(data)
        if data or not now[2]:
            pieces.append((path, begin, now[2], data))
        if end < now[2] and GROWING.fullmatch(path):
            self._told[path] = (now[0], -1, end), self._tail(path, end)
        elif end < now[2]:
            self._partial = path, now, end
        else:
            self._told[path], self._partial = (now, self._tail(path, end)), None
        return len(data)

    def _files(self) -> dict[str, Signature]:
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                whole = os.path.join(folder, name)
                path = os.path.relpath(whole, self.folder)
                if not APART.fullmatch(path):
                    with contextlib.suppress(OSError):
                        found[path] = _signature(whole)
        return found

    def _remember(self, path: str) -> None:
        now = _signature(self._path(path))
        self._told[path] = now, self._tail(path, now[2])

    def _tail(self, path: str, end: int) -> int:
        with open(self._path(path), "rb") as file:
            file.seek(max(0, end - TAIL))
            return zlib.crc32(file.read(min(TAIL, end)))

    def _crc(self, path: str) -> int:
        return crc_of(self._path(path))

    def _path(self, path: str) -> str:
        return os.path.join(self.folder, path)


def crc_of(path: str) -> int:
    """The CRC-32 of a file. Raises OSError."""
    crc = 0
    with open(path, "rb") as file:
        while data := file.read(2**20):
            crc = zlib.crc32(data, crc)
    return crc


def measured(
    code: str, archive: bytes, root: str, nonce: tuple[str, str], words: list[str],
    environment: dict[str, str],
) -> tuple[int, str, str, bytes]:  # fmt: skip
    """Run a command of the lab: its status, what it printed, and the runs that it trained, as a
    zip, where this node does not see the runs folder."""
    unpack(code, archive)
    seen = False
    with contextlib.suppress(OSError), open(nonce[0]) as file:
        seen = file.read(len(nonce[1]) + 1) == nonce[1]
    with tempfile.TemporaryDirectory(prefix="addnorm-") as own:
        place = root if seen else os.path.join(own, "runs")
        done = subprocess.run(
            [sys.executable, "-m", "core", *words, "--runs-dir", place],
            cwd=_home(code),
            env=surroundings(code, environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        runs = b"" if seen or not os.path.isdir(place) else _zipped(place)
    return done.returncode, done.stdout, done.stderr, runs


def gpu_bytes() -> int:
    """The memory of this node's smallest GPU; 0 where nothing says it."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    sizes = [int(line) for line in told.split() if line.isdecimal()]
    return min(sizes, default=0) * 2**20


def unpack(code: str, archive: bytes) -> None:
    """The lab's program, in a folder of this user by its hash."""
    home = _home(code)
    if os.path.isdir(home):
        return
    os.makedirs(os.path.dirname(home), mode=0o700, exist_ok=True)
    if os.lstat(os.path.dirname(home)).st_uid != os.getuid():
        raise PermissionError(f"{os.path.dirname(home)} belongs to another user")
    made = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(home))
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(made)
    try:
        os.rename(made, home)
    except OSError:  # somebody was quicker
        shutil.rmtree(made, ignore_errors=True)


def surroundings(code: str, environment: dict[str, str]) -> dict[str, str]:
    """The environment of what is started here: this node's own, and of the asker's what is valid
    here too. Folders that this node does not have are left out."""
    brought = {
        name: value
        for name, value in environment.items()
        if not (value.startswith("/") and not os.path.exists(value))
    }
    return {
        **os.environ,
        **brought,
        "PYTHONPATH": _home(code),
        "ADDNORM_HOST": host(),
        "ADDNORM_CLUSTER": "",  # what runs here stays here
    }


def _zipped(folder: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
        for where, _, names in os.walk(folder):
            for name in names:
                whole = os.path.join(where, name)
                path = os.path.relpath(whole, folder)
                if os.path.isfile(whole) and not path.startswith("."):
                    packed.write(whole, path)
    return data.getvalue()


def _home(code: str) -> str:
    return os.path.join(tempfile.gettempdir(), f"addnorm-code-{os.getuid()}", code)


def host() -> str:
    """This node, by its name and the address that the cluster knows it by."""
    import ray

    return f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def _signature(path: str) -> Signature:
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns, found.st_size
