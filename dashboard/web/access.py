"""Who gets in: the user who started the server, and whoever has its token.

A request is let in that carries the token, or the cookie that an address with the token left; and,
unless ADDNORM_TOKEN asks everyone for it, one that comes straight from a process of the very user
whose server this is (`peer.py`). The token is ADDNORM_TOKEN, else made anew at each start.
Where people sign in (`sign_in.py`) they do so on every page, the server's own user too, and the
token is left to scripts.

The cookie is not the token but made from it, and it is good for one user of this machine only: a
browser sends the cookies of 127.0.0.1 to every port, another user's server among them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
from functools import cache
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.language import mark, t
from dashboard.ui.templates import render
from dashboard.web import peer, sign_in, style
from dashboard.web.host_guard import is_of_this_machine
from dashboard.web.index_page import is_for_a_page

VARIABLE = "ADDNORM_TOKEN"
PARAMETER = "token"  # of an address
OPEN = ("/static/", "/_stcore/health")  # Streamlit's own files, and whether it is up
SLOW = 0.5  # s that a wrong token waits for its answer
FRESH = {"Cache-Control": "no-store"}
REFUSED = mark("This dashboard is for the user who started it, or with its token")
SIGN_IN = mark('Sign in on a page of this dashboard; a script sends "Authorization: Bearer TOKEN".')
HOW = mark(
    "This dashboard is for the user who started it, or with its token: send"
    ' "Authorization: Bearer TOKEN" with the one that its terminal printed.'
)


def given() -> str:
    """The token that the user chose; empty where there is none."""
    return os.environ.get(VARIABLE, "").strip()


@cache
def _made() -> str:
    return secrets.token_urlsafe(24)


def token() -> str:
    """What lets everyone in who has it, until the server ends."""
    return given() or _made()


def is_token(text: str) -> bool:
    """Whether a text is the token; takes as long for any text of its length."""
    return hmac.compare_digest(_bytes(text), _bytes(token()))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def cookie_name(scope: Scope) -> str:
    """The cookie's name; the port is in it because browsers do not tell ports apart."""
    return f"addnorm_{(scope.get('server') or ('', 0))[1]}"


def cookie_value(scope: Scope) -> str:
    """What the cookie says for whoever is at the other end of this connection."""
    said = f"{cookie_name(scope)} of user {peer.uid(scope)}"
    return hmac.new(_bytes(token()), said.encode(), hashlib.sha256).hexdigest()


def is_own_user(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes straight from a process of this server's user, and that is enough.

    Not where a program passes on what others send it: it says so in its headers, it keeps the name
    that they asked for, or it speaks HTTP 1.0, which no browser does.
    """
    if given() or scope.get("http_version") == "1.0" or not hasattr(os, "getuid"):
        return False
    passed_on = ("forwarded", "via", "x-real-ip")
    if any(name in passed_on or name.startswith("x-forwarded") for name in headers):
        return False
    return is_of_this_machine(headers.get("host", "")) and peer.uid(scope) == os.getuid()


def has_cookie(scope: Scope, headers: Headers) -> bool:
    """Whether the cookie is there and is this user's."""
    found = cookie_parser("; ".join(headers.getlist("cookie"))).get(cookie_name(scope), "")
    return hmac.compare_digest(_bytes(found), _bytes(cookie_value(scope)))


def _sent(headers: Headers) -> str | None:
    """The token of a script's request."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() in ("bearer", "token") else None


class Door:
    """ASGI middleware: 403 to whoever may not come in, on HTTP and websockets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket") or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        page = is_for_a_page(scope)
        if sign_in.configured():
            await self._signed_in(scope, receive, send, headers)
            return
        known = is_own_user(scope, headers) or has_cookie(scope, headers)
        offered = dict(_parameters(scope)).get(PARAMETER) if page else None
        if not known and offered is None:
            offered = _sent(headers)
            known = offered is not None and is_token(offered)
            offered = None if known else offered
        if known and offered is None:
            await self.app(scope, receive, send)
        elif offered is not None and (is_token(offered) or known):
            await _without_token(scope, is_token(offered))(scope, receive, send)
        else:
            if offered is not None:
                await asyncio.sleep(SLOW)
            answer = _question(scope, offered is not None) if page else _refusal(HOW)
            await _refuse(answer, REFUSED, scope, receive, send)

    async def _signed_in(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers
    ) -> None:
        """Whoever has signed in and may come in; else the token of a script, or the way to it."""
        claims, offered = sign_in.user(headers), _sent(headers)
        may = claims is not None and sign_in.may_enter(claims)
        page = is_for_a_page(scope)
        if may or (offered is not None and is_token(offered)):
            way = sign_in.way_on(scope, headers) if page else None
            await (way or self.app)(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in sign_in.OPEN:
            await (sign_in.begins(scope) or self.app)(scope, receive, send)
        else:
            if offered is not None:
                await asyncio.sleep(SLOW)
            answer = sign_in.page(scope, claims) if page else _refusal(SIGN_IN)
            await _refuse(answer, SIGN_IN, scope, receive, send)


async def _refuse(
    answer: Response, reason: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """`reason` is told a websocket, to which there is no answer."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await answer(scope, receive, send)


def _parameters(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _without_token(scope: Scope, right: bool) -> Response:
    """To the same address without the token, so that neither history nor screen keep it."""
    # Not `//elsewhere`, nor with a backslash, which a browser reads as another server.
    place = "/" + quote(scope["path"].lstrip("/\\"))
    query = urlencode([(k, v) for k, v in _parameters(scope) if k != PARAMETER])
    answer = RedirectResponse(place + (f"?{query}" if query else ""), 303, FRESH)
    if right:
        answer.set_cookie(
            cookie_name(scope),
            cookie_value(scope),
            httponly=True,
            samesite="strict",
            secure=scope.get("scheme") == "https",
        )
    return answer


def _question(scope: Scope, wrong: bool) -> Response:
    """A page that asks for the token and keeps the rest of the address."""
    kept = [(k, v) for k, v in _parameters(scope) if k != PARAMETER]
    page = render("token", css=style.variables(), wrong=wrong, parameter=PARAMETER, kept=kept)
    return HTMLResponse(page, 403, FRESH)


def _refusal(sentence: str) -> Response:
    return Response(json.dumps({"error": t(sentence)}), 403, FRESH, "application/json")
