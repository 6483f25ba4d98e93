"""The server's socket: answers leave at once."""

from __future__ import annotations

import asyncio
import socket

from core.runs import RunStore
from dashboard.app import app, life


def _delayed(connection: socket.socket) -> bool:
    return not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def _accepted(server: socket.socket) -> socket.socket:
    with socket.create_connection(server.getsockname()):
        return server.accept()[0]


def test_what_a_listening_socket_accepts_sends_at_once(store: RunStore) -> None:
    async def once() -> None:
        async with life(None):
            pass

    with socket.socket() as server:  # as Streamlit makes it
        server.bind(("127.0.0.1", 0))
        server.listen()
        with _accepted(server) as before:
            assert _delayed(before)
        asyncio.run(once())
        with _accepted(server) as after:
            assert not _delayed(after)


def test_the_app_does_so_when_it_starts() -> None:
    assert app._user_lifespan is life
