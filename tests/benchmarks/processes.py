"""What a process has used."""

from __future__ import annotations

import os
from pathlib import Path


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [pid]
    for child in children.read_text().split() if children.exists() else []:
        found += _family(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """Of the processor, by the process alone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int, children: bool = False) -> float:
    """Resident memory of the process, with `children` of all that it started too."""
    found = 0.0
    for one in _family(pid) if children else [pid]:
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                found += int(line.split()[1]) / 1024
    return found
