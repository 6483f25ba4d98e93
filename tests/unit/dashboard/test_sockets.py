"""The server's start: answers leave at once, and nothing looks at settings files any more."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit import config
from streamlit.watcher import polling_path_watcher, watch_file
from streamlit.watcher.polling_path_watcher import PollingPathWatcher

from core.runs import RunStore
from dashboard.app import app, life
from dashboard.web.lifespan import stop_watching


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


@pytest.mark.parametrize("watching", ["none", "auto"])
def test_settings_files_are_looked_at_only_where_sources_are_watched(
    watching: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Streamlit's start watches them: `poll`, whatever the option says."""
    monkeypatch.setattr(PollingPathWatcher, "_executor", ThreadPoolExecutor(1))
    monkeypatch.setattr(polling_path_watcher, "_POLLING_PERIOD_SECS", 0.01)
    monkeypatch.setattr(config, "get_option", lambda name: watching)
    file, seen = tmp_path / "config.toml", threading.Event()
    file.write_text("before")
    watch_file(str(file), lambda path: seen.set(), watcher_type="poll")
    looking = PollingPathWatcher._executor
    stop_watching()
    if watching == "none":
        for thread in looking._threads:
            thread.join(60)
            assert not thread.is_alive()  # no look asks for another
    else:
        file.write_text("after, and longer")
        assert seen.wait(60)
        looking.shutdown(wait=True, cancel_futures=True)
