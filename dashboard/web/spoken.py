"""Which language a browser reads: of its address, of its choice before, or of its own settings.

`?lang=zh` decides and is remembered in a cookie, so that other pages and the next visit speak it
too; without either, `Accept-Language` does. The views of a page send the page's language with what
they ask, so that two tabs in two languages each get their own.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.language import chosen, known, use
from dashboard.ui.language import COOKIE, PARAMETER
from dashboard.web.index_page import is_for_a_page

YEAR = 365 * 24 * 3600  # s


class Spoken:
    """ASGI middleware: what answers a request speaks the reader's language."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        accepted = headers.get("accept-language")
        if not is_for_a_page(scope):
            use(chosen(accepted, accepted))
            await self.app(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        asked = known((query.get(PARAMETER) or [""])[-1])
        kept = cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE)
        use(asked or chosen(kept, accepted))

        async def remembered(message: Message) -> None:
            if asked and message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).append("set-cookie", _cookie(asked))
            await send(message)

        await self.app(scope, receive, remembered)


def _cookie(language: str) -> str:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = language
    cookie[COOKIE].update({"path": "/", "max-age": str(YEAR), "samesite": "Strict"})
    return cookie.output(header="").strip()
