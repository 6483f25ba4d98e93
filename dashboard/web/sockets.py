"""What the server's socket is told before the first visitor comes.

Streamlit makes its socket without naming TCP, and asyncio switches Nagle's algorithm off only where
TCP is named (`asyncio.base_events._set_nodelay`). Then the second part of each answer, its body,
waits until the browser has confirmed the first, its head, which takes 40 ms: a visit asks for 160
files, six at a time. What is accepted by a listening socket has its options.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from typing import Any


@contextlib.asynccontextmanager
async def at_once(app: Any) -> AsyncIterator[None]:
    """The server's life: answers are sent as soon as they are written."""
    for descriptor in _descriptors():
        with contextlib.suppress(OSError):
            _without_delay(descriptor)
    yield


def _descriptors() -> list[int]:
    """The file descriptors that this process has open; none where the system does not list them."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return [int(name) for name in os.listdir(folder) if name.isdecimal()]
    return []


def _without_delay(descriptor: int) -> None:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return
    with socket.socket(fileno=os.dup(descriptor)) as found:
        internet = found.family in (socket.AF_INET, socket.AF_INET6)
        if internet and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
