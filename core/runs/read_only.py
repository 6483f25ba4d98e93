"""Runs that are only to look at: ADDNORM_READ_ONLY=1 lets a program change nothing of their folder.

Two guards. What starts, steers or asks refuses with one sentence (`refuse`). And whatever else this
process would write into the folder is refused by the interpreter itself (`guard`), as on a disk
that is mounted read-only, so that a way that nobody thought of changes nothing either.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from core.language import Message, mark
from core.runs.errors import RunError

VARIABLE = "ADDNORM_READ_ONLY"
WHY = mark("These runs are only to look at here: nothing can be started or changed.")
OFF = ("", "0", "false", "no", "off")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What the interpreter announces before it changes files, with the places of paths among what it
# says (https://docs.python.org/3/library/audit_events.html).
CHANGES = {
    "os.mkdir": (0,), "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,),
    "os.truncate": (0,), "os.link": (0, 1), "os.symlink": (1,), "os.utime": (0,),
    "os.chmod": (0,), "os.chown": (0,), "os.setxattr": (0,), "os.removexattr": (0,),
    "shutil.rmtree": (0,), "shutil.move": (0, 1), "shutil.copyfile": (1,),
}  # fmt: skip

_guarded: set[str] = set()


def is_read_only() -> bool:
    """Whether this program may change nothing of its runs."""
    return os.environ.get(VARIABLE, "").strip().lower() not in OFF


def refuse() -> None:
    """Raises RunError where nothing may be changed."""
    if is_read_only():
        raise RunError(Message(WHY))


def guard(root: Path) -> None:
    """From now on this process writes nothing below a folder: OSError, as of a read-only disk.

    For its life: an interpreter's audit hooks can't be taken back.
    """
    first = not _guarded
    _guarded.update({os.path.abspath(root), os.path.realpath(root)})
    if first:
        sys.addaudithook(_heard)


def _heard(event: str, told: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = told
        if isinstance(flags, int) and flags & WRITES:
            _check(path)
    elif event in CHANGES:
        for place in CHANGES[event]:
            _check(told[place])


def _check(path: Any) -> None:
    if not isinstance(path, str | bytes | os.PathLike):
        return  # a descriptor, which was checked when it was opened
    named = os.path.abspath(os.fsdecode(path))
    real = os.path.join(os.path.realpath(os.path.dirname(named)), os.path.basename(named))
    for root in _guarded:
        if any(one == root or one.startswith(root + os.sep) for one in (named, real)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), named)
