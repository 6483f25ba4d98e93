"""What happens once when the server starts: its socket is set, and who may come in is said."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from streamlit import config
from streamlit.watcher.polling_path_watcher import PollingPathWatcher
from streamlit.web.server import server_util

from core.files import keep_as_private_as
from core.language import of_terminal, speaking, t
from core.runs import RunStore
from dashboard.web import access, peer, sign_in
from dashboard.web.sockets import at_once

# Seconds after which a thread that computes gives way. A page's script does so for half a second
# while the loop sends the browser 160 files; with Python's 5 ms each of them waits that long.
TURN = 0.001
SHORT = 16  # characters, below which a token can be found by trying


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The server's life. Streamlit has printed its own address by now.

    What is written from here on is as private as the runs folder.
    """
    stop_watching()
    sys.setswitchinterval(TURN)
    async with at_once(app):
        keep_as_private_as(RunStore().root)
        with speaking(of_terminal()):
            print(f"  {entrance()}\n", flush=True)
        yield


def stop_watching() -> None:
    """Have Streamlit look no more at its settings files, unless its sources are watched too.

    It does so five times a second for each that there may be, whatever is said of watching: two
    thirds of the processor that a server uses which nobody asks for anything.
    """
    looking = getattr(PollingPathWatcher, "_executor", None)  # Streamlit has no name for it
    if looking is not None and config.get_option("server.fileWatcherType") == "none":
        looking.shutdown(wait=False, cancel_futures=True)


def entrance() -> str:
    """One line: who gets in by which address."""
    if sign_in.configured():
        return sign_in.problem() or (
            t(
                "Whoever opens {address} signs in. Scripts send the token {token}.",
                address=_address(),
                token=access.token(),
            )
        )
    if given := access.given():
        values = {"address": _address(), "variable": access.VARIABLE, "short": SHORT}
        if len(given) >= SHORT:
            return t("Whoever opens {address} needs the token that {variable} says.", **values)
        return t(
            "Whoever opens {address} needs the token that {variable} says. It is short; {short}"
            " letters or more can't be found by trying.",
            **values,
        )
    address = f"{_address()}/?{urlencode({access.PARAMETER: access.token()})}"
    if peer.told():
        return t("For another browser or user: {address}", address=address)
    return t("Open: {address}", address=address)


def _address() -> str:
    host = server_util.get_display_address(config.get_option("server.address") or "localhost")
    return server_util.get_url(f"[{host}]" if ":" in host else host)
