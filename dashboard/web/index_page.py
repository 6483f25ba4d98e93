"""What the page's own HTML is given before Streamlit's script runs.

Streamlit serves one index page for every address. This middleware adds to its head: where the
server is (else it asks `/compare/_stcore/...` first and logs a 404), the ground's colour (else a
dark page flashes white), `shell.js`, which mends the browser's history, and preloads of the modules
that the page will need (they come while Streamlit starts). plotly.js is not among them: reading its
4.8 MB takes a second of the one thread that draws the page, so charts load it, once the page has
come to rest. The page's language is the reader's (`spoken.py`). The style sheets stand at the
page's end: after Streamlit's, which they overrule, and before the first element is drawn.
"""

from __future__ import annotations

from functools import cache

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.language import LANGUAGES, current
from core.palette import DARK, LIGHT
from dashboard.web import assets, static_files, style
from dashboard.web.security_headers import POLICY, hashes, policy

LANGUAGE = b'<html lang="en">'
HEAD, HEAD_END, END = b"<head>", b"</head>", b"</body>"


@cache
def head() -> bytes:
    """The HTML that is added right after `<head>`."""
    return (
        "<script>window.__streamlit={BACKEND_BASE_URL:location.origin}</script>"
        f'<script type="module">{assets.text("shell.js")}</script>'
        "<style>html{color-scheme:light dark;"
        f"background:light-dark({LIGHT['ground']},{DARK['ground']})}}</style>"
    ).encode()


@cache
def preloads() -> bytes:
    """The HTML before `</head>`: after Streamlit's own modules, which everything waits for."""
    return "".join(
        f'<link rel="modulepreload" crossorigin href="{address}">'
        for address in (*static_files.first_modules(), *assets.module_urls())
    ).encode()


class Shell:
    """ASGI middleware: changes the index page and passes everything else through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_for_a_page(scope):
            await self.app(scope, receive, send)
            return
        # Uncompressed, so that there is a text to change; and whole, because its own date does not
        # tell when the addresses in our part of it changed.
        unwanted = (b"accept-encoding", b"if-modified-since", b"if-none-match")
        headers = [(k, v) for k, v in scope["headers"] if k not in unwanted]
        scope = {**scope, "headers": headers}
        start: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                kind = MutableHeaders(raw=message["headers"]).get("content-type", "")
                if kind.startswith("text/html"):
                    start = message
                else:
                    await send(message)
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    body = body.replace(LANGUAGE, _opening().encode(), 1)
                    body = body.replace(HEAD, HEAD + head(), 1)
                    body = body.replace(HEAD_END, preloads() + HEAD_END, 1)
                    body = body.replace(END, style.of_pages().encode() + END, 1)
                    headers = MutableHeaders(raw=start["headers"])
                    headers["content-length"] = str(len(body))
                    headers[POLICY] = policy(hashes(body))
                    for stamp in ("etag", "last-modified"):  # those of the unchanged page
                        del headers[stamp]
                    await send(start)
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, changed)


def _opening() -> str:
    """The page's first tag: its language, and whether there are others to choose from."""
    several = " data-languages" if len(LANGUAGES) > 1 else ""
    return f'<html lang="{current()}"{several}>'


def is_for_a_page(scope: Scope) -> bool:
    """Whether a browser asks for a page of the dashboard, not for what a page is made of."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return any(k == b"accept" and b"text/html" in v for k, v in scope["headers"])
