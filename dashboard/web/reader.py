"""A random name for each browser, in a cookie, so that lessons know their readers apart.

It tells nothing about anybody. Where people sign in, who they are decides instead.
"""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.ui.reader import COOKIE, NAME
from dashboard.web.index_page import is_for_a_page

YEAR = 365 * 24 * 3600  # s


class Named:
    """ASGI middleware: gives a browser that opens a page a name, unless it has one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = ""
        if is_for_a_page(scope):
            headers = Headers(scope=scope)
            known = cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE, "")
        if not is_for_a_page(scope) or NAME.fullmatch(known):
            await self.app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).append("set-cookie", _cookie())
            await send(message)

        await self.app(scope, receive, named)


def _cookie() -> str:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secrets.token_urlsafe(24)
    cookie[COOKIE].update({"path": "/", "max-age": str(YEAR), "samesite": "Strict"})
    cookie[COOKIE]["httponly"] = True  # no script needs it
    return cookie.output(header="").strip()
