"""What every answer tells the browser to refuse: foreign frames, scripts and readers.

The policy is what Streamlit and plotly.js need and no more: styles that they write into the page,
pictures that they draw, and Streamlit's parts, which it runs from `blob:` addresses. No address of
another host is in it. Scripts inside the index page are allowed by their hash. Texts may be
evaluated: whatever drives a browser does so to wait for something (Playwright, Selenium), and a
page that runs no foreign script has nobody who would.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
POLICY = "content-security-policy"


def hashes(page: bytes) -> list[str]:
    """The scripts that stand inside a page, as a policy names them."""
    digests = (hashlib.sha256(script).digest() for script in INLINE.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def policy(scripts: Iterable[str] = ()) -> str:
    """The Content-Security-Policy of a page with these inline scripts."""
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self' blob: 'unsafe-eval'", *scripts)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


HEADERS = {
    POLICY: policy(),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """ASGI middleware: adds the headers to every answer, unless it has one of that name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
