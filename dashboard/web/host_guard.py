"""Who may ask this server: only pages that it served itself.

A browser on this machine would carry out another site's request against 127.0.0.1, and a foreign
name can be pointed at this address. Streamlit lets a page of any port of this machine open its
websocket, and whoever sends no Origin; its routes it does not guard at all.
"""

from __future__ import annotations

import ipaddress
import json
import os

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.language import mark, t

NOT_HERE = mark("This address is not served here; name it in ADDNORM_HOSTS to allow it.")
OTHER_SITES = mark("Requests from other sites are refused.")


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host


def is_of_this_machine(host: str) -> bool:
    """Whether a Host header names the machine itself: localhost or a loopback address."""
    name = _name(host.lower())
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _known(host: str) -> bool:
    extra = os.environ.get("ADDNORM_HOSTS", "")
    allowed = {h.strip().lower() for h in extra.split(",") if h.strip()}
    return is_of_this_machine(host) or _name(host.lower()) in allowed


def refusal(scope: Scope) -> str | None:
    """Why a request or a websocket is refused, or None."""
    headers = Headers(scope=scope)
    host, origin = headers.get("host", ""), headers.get("origin")
    if len(headers.getlist("host")) != 1 or not _known(host):
        return NOT_HERE
    # A browser always says which page opens a websocket.
    if origin is None and scope["type"] == "websocket":
        return OTHER_SITES
    own = (f"http://{host.lower()}", f"https://{host.lower()}")
    if origin is not None and origin.lower() not in own:
        return OTHER_SITES
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not _opens(scope):
        return OTHER_SITES
    return None


def _opens(scope: Scope) -> bool:
    """Whether a link of another site opens a page in a window of its own, which that can't read."""
    headers = Headers(scope=scope)
    wanted = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return scope.get("method") == "GET" and wanted == ("navigate", "document")


class Guard:
    """ASGI middleware: 403 with one sentence to strangers, on every route and websocket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        reason = refusal(scope) if kind in ("http", "websocket") else None
        if reason is None:
            await self.app(scope, receive, send)
            return
        if kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
            return
        body = json.dumps({"error": t(reason)}).encode()
        start = {
            "type": "http.response.start",
            "status": 403,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})
