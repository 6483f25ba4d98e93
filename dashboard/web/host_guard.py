"""Who may ask this server: only pages that it served itself.

A browser on this machine would carry out another site's request against 127.0.0.1, and a foreign
name can be pointed at this address; Streamlit guards its websocket against both, not its routes.
"""

from __future__ import annotations

import ipaddress
import json
import os

from starlette.types import ASGIApp, Receive, Scope, Send


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host


def _known(name: str) -> bool:
    extra = os.environ.get("ADDNORM_HOSTS", "")
    if name == "localhost" or name in {h.strip().lower() for h in extra.split(",") if h.strip()}:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refusal(host: str, origin: str | None) -> str | None:
    """Why a request is refused, or None."""
    if not _known(_name(host.lower())):
        return "This address is not served here; name it in ADDNORM_HOSTS to allow it."
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        return "Requests from other sites are refused."
    return None


class Guard:
    """ASGI middleware: 403 with one sentence to strangers, on every HTTP route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k: v.decode("latin-1") for k, v in scope["headers"] if k in (b"host", b"origin")}
        reason = refusal(headers.get(b"host", ""), headers.get(b"origin"))
        if reason is None:
            await self.app(scope, receive, send)
            return
        body = json.dumps({"error": reason}).encode()
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
