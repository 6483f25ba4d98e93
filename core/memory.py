"""Memory of this machine: how much there is, how much is free, and what the kernel killed for it.

Read from where Linux says it, each time anew: the machine's own account and that of every control
group that holds this process, of version 1 and 2; of a GPU from nvidia-smi. Where nothing says it
(another system), it is unknown and nothing is refused for its sake. No torch.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")
# How long an answer of nvidia-smi, which takes a part of a second, is new, and when it is too old.
GPU_SECONDS, OLD_SECONDS = 2, 30
MEBI = 2**20
# A control group without a limit says "max", or in version 1 a number near 2**63.
NO_LIMIT = 2**60
CLOCK_SECONDS = 5.0  # by which the kernel's clock and the wall's may differ


class Memory(NamedTuple):
    """Bytes that a program could have here when nothing else ran, and those that are free now.

    What the kernel keeps of files counts as free: it gives that up.
    """

    total: int
    free: int


@dataclass(frozen=True)
class Controller:
    """The files in which a version of control groups gives a group's limit, use and kills."""

    line: str  # of /proc/self/cgroup, as a pattern
    folder: str
    limits: tuple[str, ...]
    usage: str
    reclaimable: tuple[str, ...]  # in memory.stat: pages of files, given up when they are needed
    kills: str


CONTROLLERS = (
    Controller(
        r"0::(/.*)",
        "sys/fs/cgroup",
        ("memory.max", "memory.high"),
        "memory.current",
        ("inactive_file", "active_file", "slab_reclaimable"),
        "memory.events",
    ),
    Controller(
        r"\d+:(?:\S*,)?memory(?:,\S*)?:(/.*)",
        "sys/fs/cgroup/memory",
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
        "memory.oom_control",
    ),
)


def ram(root: Path = ROOT) -> Memory | None:
    """The main memory as this process may use it; None where its size is unknown."""
    machine = _numbers(root / "proc/meminfo")
    found = []
    if "MemTotal" in machine:
        total = 1024 * machine["MemTotal"]
        found.append(Memory(total, 1024 * machine.get("MemAvailable", machine["MemTotal"])))
    for controller, group in _groups(root):
        limits = [_number(group / name) for name in controller.limits]
        used = _number(group / controller.usage)
        limit = min((n for n in limits if n is not None and n < NO_LIMIT), default=None)
        if limit is None or used is None:
            continue
        stat = _numbers(group / "memory.stat")
        files = sum(stat.get(name, 0) for name in controller.reclaimable)
        found.append(Memory(limit, max(0, limit - max(0, used - files))))
    if not found:
        return None
    return Memory(min(one.total for one in found), max(0, min(one.free for one in found)))


def resident(pid: int, root: Path = ROOT) -> int:
    """Bytes of main memory that a process holds; 0 where there is none."""
    return 1024 * _numbers(root / f"proc/{pid}/status").get("VmRSS", 0)


def _groups(root: Path) -> Iterator[tuple[Controller, Path]]:
    """Every control group that this process is in, its own before those around it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for controller in CONTROLLERS:
        top = root / controller.folder
        for line in lines:
            if match := re.fullmatch(controller.line, line):
                own = top / match[1].lstrip("/")
                # In a container the path may be that of the host, and the group is the top itself.
                while top in own.parents and not own.is_dir():
                    own = own.parent
                for group in (own, *own.parents):
                    yield controller, group
                    if group == top:
                        break


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max"
        return None


def _numbers(path: Path) -> dict[str, int]:
    """Lines as `MemFree: 12 kB` or `inactive_file 12` as numbers by name."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (re.match(r"(\S+?):?\s+(\d+)", line) for line in lines)
    return {pair[1]: int(pair[2]) for pair in pairs if pair}


# The GPU


class Gpu(NamedTuple):
    """The first GPU that a program here sees; `used` are bytes by the process that holds them."""

    memory: Memory
    used: Mapping[int, int]


def gpu() -> Gpu | None:
    """The GPU that runs train on, as nvidia-smi sees it; None without one.

    An answer that is some seconds old is given at once, and a newer one fetched meanwhile: a page
    that is drawn does not wait for it.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    when, found = _ANSWERS.get(visible, (-OLD_SECONDS, None))
    age = time.monotonic() - when
    if age >= OLD_SECONDS or visible not in _ANSWERS:
        return _ask(visible)
    if age > GPU_SECONDS and not _ASKING.locked():
        threading.Thread(target=_ask, args=(visible,), daemon=True).start()
    return found


_ANSWERS: dict[str | None, tuple[float, Gpu | None]] = {}  # by the GPUs that are visible
_ASKING = threading.Lock()


def _ask(visible: str | None) -> Gpu | None:
    with _ASKING:
        found = _asked(visible)
        _ANSWERS[visible] = time.monotonic(), found
    return found


def _asked(visible: str | None) -> Gpu | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    first = None if visible is None else visible.split(",")[0].strip()
    if first in ("", "-1"):
        return None
    for row in _rows(program, "gpu=index,uuid,memory.total,memory.free"):
        index, uuid, total, free = row
        if first is None or first == index or uuid.startswith(first):
            apps = _rows(program, "compute-apps=gpu_uuid,pid,used_memory")
            used = {
                int(pid): int(size) * MEBI
                for of, pid, size in apps
                if of == uuid and size.isdecimal()
            }
            if total.isdecimal() and free.isdecimal():
                return Gpu(Memory(int(total) * MEBI, int(free) * MEBI), used)
    return None


def _rows(program: str, query: str) -> list[list[str]]:
    """nvidia-smi's answer to a query, [] where it gives none; sizes are in MiB."""
    asked = [program, f"--query-{query}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    width = query.count(",") + 1
    rows = [[cell.strip() for cell in line.split(",")] for line in told.splitlines()]
    return [row for row in rows if len(row) == width]


# Whether the kernel killed a process for want of memory


def oom_kills(root: Path = ROOT) -> dict[str, int]:
    """How many processes the kernel has killed for want of memory, by the file that counts them.

    The file of this process's own control group comes first, that of the machine last.
    """
    found = {}
    for controller, group in _groups(root):
        count = _numbers(group / controller.kills).get("oom_kill")
        if count is not None:
            found[str(group / controller.kills)] = count
            break
    machine = root / "proc/vmstat"
    if (count := _numbers(machine).get("oom_kill")) is not None:
        found[str(machine)] = count
    return found


def was_killed(pid: int | None, counted: Mapping[str, int], since: float) -> bool:
    """Whether the kernel killed a process, gone without a word, for want of memory.

    `counted`: what :func:`oom_kills` said in that process when it was last heard of, at the time
    `since`. The kernel's own log decides where it names the process, else the first counter that
    can still be read: it has risen.
    """
    if pid is not None and (pid, True) in ((one, at >= since) for one, at in _log()):
        return True
    for file, before in counted.items():
        now = _numbers(Path(file)).get("oom_kill")
        if now is not None:
            return now > before
    return False


def _log(path: str = "/dev/kmsg") -> list[tuple[int, float]]:
    """Processes that the kernel's log says were killed, and when (as `time.time`)."""
    booted = time.time() - time.monotonic() + CLOCK_SECONDS
    killed = (re.match(KILLED, record) for record in _records(path))
    return [(int(one[2]), booted + int(one[1]) / 1e6) for one in killed if one]


# A record of the kernel's log: priority, number, microseconds since the start; what it says.
KILLED = rb"\d+,\d+,(\d+),[^;]*;.*[Kk]illed process (\d+)"


def _records(path: str) -> Iterator[bytes]:
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it is for root alone, or there is none
        return
    try:
        while True:
            try:
                record = os.read(log, 8192)  # one at a time
            except OSError as error:
                if error.errno == errno.EPIPE:  # it was overwritten meanwhile: the next one
                    continue
                return  # that was the last
            if not record:
                return
            yield record
    finally:
        os.close(log)


def in_bytes(count: float) -> str:
    """`9.8 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:,.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"
