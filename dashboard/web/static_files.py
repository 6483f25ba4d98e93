"""Streamlit's own files, sent from memory, and the list of those that the first page needs.

Streamlit reads each file anew in a thread for each request, a hundred of them for a first visit,
while the browser waits; and it names what a widget needs only once that widget is drawn. The names
of these files hold a hash of their content, so a browser keeps them.
"""

from __future__ import annotations

import mimetypes
import re
from functools import cache
from pathlib import Path

import streamlit
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

HOME = Path(streamlit.__file__).parent / "static" / "static"
PREFIX = "/static/"
LARGEST = 2**20  # bytes; larger ones are of widgets that no page here uses
FOREVER = {"Cache-Control": "public, immutable, max-age=31536000"}
# The modules behind what every page draws, by their names without the hash.
FIRST = (
    "BidiComponent",
    "Button",
    "ButtonGroup",
    "Checkbox",
    "Html",
    "NumberInput",
    "Selectbox",
    "Slider",
    "TextArea",
    "TextInput",
    "rehype-raw",
)
IMPORT = re.compile(r'(?:from|import)\s*"\./([\w.-]+\.js)"')


@cache
def known() -> dict[str, Path]:
    """Every file that is sent from here, by its path in an address."""
    found = (path for path in HOME.rglob("*") if path.is_file() and path.stat().st_size <= LARGEST)
    return {PREFIX + path.relative_to(HOME).as_posix(): path for path in found}


@cache
def content(path: str) -> tuple[bytes, str] | None:
    """A file and its type; None where there is no such file."""
    file = known().get(path)
    if file is None:
        return None
    kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0]
    return file.read_bytes(), kind or "application/octet-stream"


@cache
def first_modules() -> tuple[str, ...]:
    """Addresses of the modules that the first page needs, with all that they import.

    Without those that Streamlit's index page names itself.
    """
    folder = HOME / "js"
    index = (HOME.parent / "index.html").read_text(encoding="utf-8")
    waiting = [p.name for name in FIRST for p in folder.glob(f"{name}.*.js")]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop(0)
        if name in found or name in index or not (folder / name).is_file():
            continue
        found[name] = None
        waiting += IMPORT.findall((folder / name).read_text(encoding="utf-8"))
    return tuple(f"{PREFIX}js/{name}" for name in found)


class Statics:
    """ASGI middleware: answers requests for Streamlit's files, passes everything else through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "GET":
            found = content(scope["path"]) if scope["path"].startswith(PREFIX) else None
        if found is None:
            await self.app(scope, receive, send)
            return
        body, kind = found
        await Response(body, 200, FOREVER, kind)(scope, receive, send)
