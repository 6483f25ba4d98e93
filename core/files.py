"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from core.language import Message, reason

# What is being made begins with this, until it is whole and gets its name.
NEW = ".new-"


OTHERS = 0o077  # what everybody but the owner of a file may do with it


class RefusedFileError(ValueError):
    """A file that is not read; the sentence says why and what to do."""


def make_private(folder: Path) -> None:
    """Make a folder that only its owner opens; one that is there stays as it is. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def keep_as_private_as(folder: Path) -> None:
    """Let this process, and those that it starts, make files only for those who may open a folder.

    For its owner alone where the folder does not exist yet, and never for more people than the
    user's own umask allows. Files that exist stay as they are.
    """
    try:
        allowed = os.stat(folder).st_mode & OTHERS
    except OSError:
        allowed = 0
    os.umask(os.umask(OTHERS) | (OTHERS & ~allowed))


def expanded(path: str | Path) -> Path:
    """The path, its `~` replaced by a home folder. Raises RefusedFileError for an unknown user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise RefusedFileError(
            Message("{file} is in the home folder of nobody known", file=_shown(path))
        ) from error


def open_named(path: str | Path, most: int) -> IO[bytes]:
    """A file that a user names, open for reading: a regular one of at most so many bytes.

    Devices, FIFOs, sockets and folders are refused before they are opened, because opening alone
    may wait for ever or do something. Raises RefusedFileError.
    """
    shown = _shown(path)
    fd = -1
    try:
        _refuse_unless_regular(os.stat(path), shown)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        found = os.fstat(fd)  # of what was opened: the name may mean something else by now
        _refuse_unless_regular(found, shown)
        if found.st_size > most:
            raise RefusedFileError(
                Message(
                    "{file} has {size:,.0f} MB, the limit is {most:,.0f} MB; cut it into a"
                    " smaller file",
                    file=shown,
                    size=found.st_size / 2**20,
                    most=most / 2**20,
                )
            )
        return os.fdopen(fd, "rb")
    except FileNotFoundError as error:
        raise RefusedFileError(
            Message("there is no file {file}; check the path", file=shown)
        ) from error
    except (OSError, ValueError) as error:
        if fd >= 0:
            os.close(fd)
        if isinstance(error, RefusedFileError):
            raise
        why = reason(error) if isinstance(error, OSError) else error
        raise RefusedFileError(
            Message("{file} can't be read: {why}", file=shown, why=why)
        ) from error


def read_named(path: str | Path, most: int) -> bytes:
    """All of a file that a user names. Raises RefusedFileError, also where it grows meanwhile.

    No more than the size that it had when it was opened, and one byte, is ever read.
    """
    with open_named(path, most) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            content = file.read(size + 1) or b""
        except OSError as error:
            raise RefusedFileError(
                Message("{file} can't be read: {why}", file=_shown(path), why=reason(error))
            ) from error
    if len(content) > size:
        raise RefusedFileError(
            Message(
                "{file} grows while it is read; name a file that is whole",
                file=_shown(path),
            )
        )
    return content


def _refuse_unless_regular(found: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise RefusedFileError(Message("{file} is a folder; name a file", file=shown))
    if not stat.S_ISREG(found.st_mode):
        raise RefusedFileError(
            Message(
                "{file} is a device, a pipe or a socket; name a regular file",
                file=shown,
            )
        )


def _shown(path: str | Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}…"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write into; it takes its name when it is whole, else it is removed.

    It is not flushed to the disk: what a crash of the machine may tear has to be worth little, or
    be flushed by whoever writes it. Raises OSError and leaves the old file as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace `path` as a whole: written beside it, flushed to the disk, then renamed.

    Raises OSError (a full disk, a vanished directory) and leaves the old file as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """`value` as JSON, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def append_whole(descriptor: int, data: bytes) -> None:
    """Add all of it at the end of a file that is open for appending, or nothing.

    Raises OSError; what a full disk had taken of it is cut off again.
    """
    size = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:  # a disk that is nearly full takes a part and says so only the next time
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def is_full(error: BaseException | None) -> bool:
    """Whether something failed because the disk, or a user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def has_room(folder: Path, size: int) -> bool:
    """Whether so many bytes can be written there now, which free bytes alone do not tell: a user's
    share may be smaller than the disk."""
    room = folder / f".room.{os.getpid()}.{threading.get_ident()}"
    try:
        _allocate(room, size)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            room.unlink()
    return True


class Reserve:
    """Space of a folder that is kept free for a few words more when the disk is full.

    A file of its own that nothing reads: it is given back for a write that finds no room, and made
    anew when there is some.
    """

    NAME = "reserve"
    SIZE, LEAST = 65_536, 8192

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.NAME

    def hold(self) -> None:
        """Keep the space, or what there is room for of it.

        On a full disk a few words take a little of it each time: what is left is kept for more.
        """
        with contextlib.suppress(OSError):
            if os.lstat(self._path).st_size >= self.SIZE:
                return
            self.release()  # a part of it, for which there may be more room by now
        size = self.SIZE
        while size >= self.LEAST:
            try:
                _allocate(self._path, size)
                return
            except OSError:
                self.release()
            size //= 2

    def release(self) -> None:
        """Give the space back."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def write(self, write: Callable[[], None]) -> None:
        """Call `write`, on a full disk once more with the space that was kept. Raises OSError."""
        try:
            write()
        except OSError as error:
            if not is_full(error) or not os.path.lexists(self._path):
                raise
            self.release()
            write()
            self.hold()


def _allocate(path: Path, size: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)
        else:  # macOS: what is written is there
            os.write(fd, bytes(size))
    finally:
        os.close(fd)


def read_bytes(path: str | Path) -> bytes:
    """All of a regular file. Raises OSError, for a pipe or a device too, which might never end."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, Message("it is not a regular file"), str(path))
        return file.read()


def read_tail(path: str | Path, size: int) -> bytes:
    """The last bytes of a regular file, at most so many. Raises OSError."""
    with open(path, "rb", opener=_without_waiting) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, Message("it is not a regular file"), str(path))
        file.seek(max(found.st_size - size, 0))
        return file.read(size)


def read_json(path: str | Path) -> Any:
    """The parsed file; raises OSError or ValueError."""
    return parse_json(read_bytes(path))


def parse_json(text: bytes | str) -> Any:
    """As `json.loads`, but JSON nested too deeply raises ValueError as other wrong JSON does."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(Message("its brackets are nested too deeply")) from error


def _without_waiting(path: str, flags: int) -> int:
    """Opens files and not FIFOs, for which a reader would wait."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


Signature = tuple[int, int, int]


def signature(path: str | Path) -> Signature | None:
    """A signature that changes whenever a file is replaced or grows; None without the file.

    The time alone has the clock's grain: two writes within one tick of it look the same.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


SETTLED = 0.05  # seconds: a folder's time stamp tells changes apart only this far


def names_stamp(folder: str | Path) -> Signature | None:
    """A signature that changes whenever a folder's list of names does; None just after a change,
    while its time would not tell another one. Raises OSError where there is no folder."""
    found = os.stat(folder)
    if time.time() - found.st_mtime_ns / 1e9 <= SETTLED:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Usage(NamedTuple):
    """What a folder takes on the disk. `shared`: bytes of its files that have other names, too, by
    device and inode; a fork has its parent's checkpoint so.
    """

    bytes: int
    shared: Mapping[tuple[int, int], int]

    @property
    def own(self) -> int:
        """What is free once the folder is removed."""
        return self.bytes - sum(self.shared.values())


def usage(path: str | Path) -> Usage:
    """Of a folder's files, of links their own; what vanishes meanwhile is not counted."""
    total, shared = 0, {}
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                found = os.lstat(os.path.join(folder, file))
            except OSError:
                continue
            total += found.st_size
            if found.st_nlink > 1:
                shared[found.st_dev, found.st_ino] = found.st_size
    return Usage(total, shared)


def folder_size(path: str | Path) -> int:
    """Bytes of a folder, as :func:`usage` counts them."""
    return usage(path).bytes


def together(folders: Iterable[Usage]) -> int:
    """Bytes of several folders, of which each file counts once."""
    every: dict[tuple[int, int], int] = {}
    own = 0
    for one in folders:
        own += one.own
        every |= one.shared
    return own + sum(every.values())
