"""Sign-in with Streamlit's own means, OpenID Connect, where `[auth]` in secrets.toml asks for it.

Streamlit signs people in at `/auth/login` and keeps who somebody is in a signed cookie, which its
pages read. It guards neither its pages nor routes beside them: the door does (`access.py`), and
reads the very same cookie with the same secret. Without the section nothing of this is on.

Signed in is whoever the provider vouches for; ADDNORM_USERS names those who may come in, by their
e-mail addresses, or all of a domain as `@example.org`.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope
from streamlit import auth_util, config
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.language import t
from dashboard.ui.templates import render
from dashboard.web import style

VARIABLE = "ADDNORM_USERS"
LOGIN, LOGOUT, CALLBACK = "/auth/login", "/auth/logout", "/oauth2callback"
OPEN = (LOGIN, LOGOUT, CALLBACK)  # to whoever has not signed in yet
NAME, TOKEN = "with", "provider"  # parameters of LOGIN: ours, and Streamlit's
NEEDED = ("redirect_uri", "cookie_secret")
OF_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
DEFAULT = "default"  # what Streamlit calls a provider that stands in `[auth]` itself
WAY = "addnorm_way"  # the cookie with the address that somebody wanted before signing in
WAY_SECONDS = 600
LONGEST = 3000  # bytes of it; browsers drop cookies above 4,096
FRESH = {"Cache-Control": "no-store"}


def _section() -> dict[str, Any]:
    section = auth_util.get_secrets_auth_section()
    return section.to_dict() if section else {}


def _unreadable() -> str:
    """The file of secrets that is there and can't be read, which Streamlit takes for none."""
    there = _files()
    return there[0] if there and not secrets_singleton.load_if_toml_exists() else ""


def _files() -> list[str]:
    return [path for path in config.get_option("secrets.files") if os.path.lexists(path)]


def configured() -> bool:
    """Whether people sign in: then nobody comes in otherwise but with the token.

    So it is, too, where the file that would say so can't be read.
    """
    # Asked at every request, and where there is no file Streamlit takes its time to say so.
    return bool(_files()) and (bool(_section()) or bool(_unreadable()))


def providers() -> list[str]:
    """The names of those who sign people in."""
    section = _section()
    own = [DEFAULT] if all(section.get(name) for name in OF_PROVIDER) else []
    named = [name for name, value in section.items() if isinstance(value, dict)]
    return own + [name for name in named if all(section[name].get(one) for one in OF_PROVIDER)]


def problem() -> str:
    """Why nobody can sign in, in one sentence; empty where people can."""
    if path := _unreadable():
        return t(
            "{path} can't be read, which may ask people to sign in: mend or remove it.", path=path
        )
    section = _section()
    lacking = [name for name in NEEDED if not section.get(name)]
    if importlib.util.find_spec("authlib") is None or importlib.util.find_spec("httpx") is None:
        return t("Sign-in needs Authlib: install add-and-norm-lab[sign-in].")
    if not providers():
        lacking += OF_PROVIDER
    if lacking:
        return t("Sign-in needs {names} in [auth] of secrets.toml.", names=", ".join(lacking))
    return ""


def allowed() -> list[str]:
    """The addresses and domains that may come in; none where everybody may who signs in."""
    said = os.environ.get(VARIABLE, "")
    return [one.strip().lower() for one in said.split(",") if one.strip()]


def user(headers: Headers) -> Mapping[str, Any] | None:
    """The claims of whoever signed in, as the signed cookie says; None for nobody."""
    secret = get_cookie_secret()
    if not secret or problem():
        return None
    cookies = cookie_parser("; ".join(headers.getlist("cookie")))

    def one(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, "").encode("latin-1", "ignore"))

    try:
        found = json.loads(auth_util.get_cookie_with_chunks(one, USER_COOKIE_NAME) or b"null")
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(found, dict) or found.get("is_logged_in") is not True:
        return None
    # As Streamlit does: a cookie of this machine's name goes to every port.
    same = found.get("origin") == auth_util.get_origin_from_redirect_uri()
    return found if same else None


def may_enter(claims: Mapping[str, Any]) -> bool:
    """Whether somebody who has signed in is among those who may."""
    known = allowed()
    mail = str(claims.get("email") or "").lower()
    verified = claims.get("email_verified", True) in (True, "true")
    at = mail.rpartition("@")
    return not known or (verified and bool(at[1]) and (mail in known or f"@{at[2]}" in known))


def begins(scope: Scope) -> Response | None:
    """The way to a provider: Streamlit's address with its token, which holds for two minutes."""
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    name = asked.get(NAME, "")
    if scope["path"] != LOGIN or TOKEN in asked or name not in providers() or problem():
        return None
    token = auth_util.encode_provider_token(name)
    return RedirectResponse(f"{LOGIN}?{urlencode({TOKEN: token})}", 303, FRESH)


def page(scope: Scope, claims: Mapping[str, Any] | None) -> Response:
    """Asks to sign in, and remembers which address was wanted; tells who may not come in."""
    ways = {
        name: t("Sign in") if name == DEFAULT else t("Sign in with {name}", name=name)
        for name in providers()
    }
    refused = str(claims.get("email") or claims.get("name") or "") if claims else None
    text = render(
        "sign_in",
        css=style.variables(),
        ways={f"{LOGIN}?{urlencode({NAME: name})}": words for name, words in ways.items()},
        problem=problem(),
        refused=refused,
        logout=LOGOUT,
    )
    answer = HTMLResponse(text, 403, FRESH)
    query = scope["query_string"].decode("latin-1")
    way = urlencode({"to": scope["path"] + (f"?{query}" if query else "")})
    if claims is None and len(way) < LONGEST:
        secure = scope.get("scheme") == "https"
        answer.set_cookie(WAY, way, WAY_SECONDS, httponly=True, samesite="lax", secure=secure)
    return answer


def way_on(scope: Scope, headers: Headers) -> Response | None:
    """From the first page after signing in to the address that was wanted."""
    found = cookie_parser("; ".join(headers.getlist("cookie"))).get(WAY)
    if found is None or scope["path"] != "/" or scope["query_string"]:
        return None
    wanted = dict(parse_qsl(found)).get("to", "/")
    path, mark, query = wanted.partition("?")
    # Not `//elsewhere`, nor with a backslash, which a browser reads as another server.
    safe = "/" + path.lstrip("/\\")
    answer = RedirectResponse(f"{safe}{mark}{query}", 303, FRESH)
    answer.delete_cookie(WAY)
    return answer
