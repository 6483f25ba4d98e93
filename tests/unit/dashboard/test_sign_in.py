"""Sign-in by Streamlit's OpenID Connect, against a provider on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes
from test_access import BASE, HTML, OWN_PAGE, beyond

from dashboard import api
from dashboard.web import access, peer, sign_in
from dashboard.web.lifespan import entrance
from tests.provider import ANN, Provider, provider

COOKIE = "_streamlit_user"


@pytest.fixture(scope="module")
def signs_in() -> Iterator[Provider]:
    with provider() as one:
        yield one


def use(path: Path | None) -> None:
    """Let Streamlit read these secrets, or none."""
    config.set_option("secrets.files", [str(path)] if path else [])
    secrets_singleton._reset()
    os.environ.pop("auth", None)


@pytest.fixture
def client(
    signs_in: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser of the server's own user, where people sign in."""
    before = config.get_option("secrets.files")
    monkeypatch.setattr(access, "SLOW", 0)
    monkeypatch.setattr(peer, "uid", lambda scope: os.getuid())
    for name in ("ADDNORM_TOKEN", "ADDNORM_USERS"):
        monkeypatch.delenv(name, raising=False)
    signs_in.person = dict(ANN)
    use(signs_in.secrets(tmp_path, BASE))
    session = Middleware(SessionMiddleware, secret_key="of this test", same_site="lax")
    app = Starlette(routes=create_auth_routes(""), middleware=[session, *api.MIDDLEWARE])
    app.mount("/", beyond)
    yield TestClient(app, base_url=BASE, follow_redirects=False)
    use(None)
    config.set_option("secrets.files", before)


def goes(client: TestClient, address: str) -> Any:
    """Follow an address as a browser does, to the provider and back; the last answer."""
    import httpx

    for _ in range(8):
        if address.startswith(BASE) or address.startswith("/"):
            reply: Any = client.get(address, headers=HTML)
        else:
            reply = httpx.get(address)
        if reply.status_code not in (302, 303, 307):
            return reply
        address = reply.headers["location"]
    raise AssertionError("it goes round in circles")


def enter(client: TestClient) -> Any:
    return goes(client, "/auth/login?with=default")


@pytest.mark.parametrize("path", ["/", "/runs", "/api/live", "/_stcore/host-config", "/media/x"])
def test_nothing_is_told_before_signing_in_not_even_to_the_own_user(
    client: TestClient, path: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        reply = client.request(method, path)
        assert reply.status_code == 403
        assert "Sign in" in reply.json()["error"]
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=OWN_PAGE),
    ):
        pass  # fmt: skip


def test_a_page_leads_to_the_provider_and_back_to_its_own_address(
    client: TestClient, signs_in: Provider
) -> None:
    asked = client.get("/compare?runs=a&x=%26", headers=HTML)
    assert asked.status_code == 403
    assert 'href="/auth/login?with=default"' in asked.text
    assert "<script" not in asked.text
    signs_in.asked.clear()
    reply = enter(client)
    assert (reply.status_code, reply.text) == (200, "inside")
    assert reply.request.url.raw_path == b"/compare?runs=a&x=%26"
    assert {"/authorize", "/token", "/keys"} <= set(signs_in.asked)
    assert client.get("/", headers=HTML).text == "inside", "the way on is gone once"
    assert client.get("/api/live").text == "inside"
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with client.websocket_connect("/_stcore/stream", headers={**OWN_PAGE, "cookie": cookies}):
        pass


def test_the_way_on_leads_nowhere_else(client: TestClient) -> None:
    for path in ("//evil.test/", "/\\evil.test"):
        client.get(f"{BASE}{path}", headers=HTML)
        assert str(enter(client).request.url).startswith(f"{BASE}/evil.test")
        client.cookies.clear()


def test_signing_out_closes_the_door(client: TestClient) -> None:
    enter(client)
    client.get("/auth/logout", headers=HTML)
    assert client.get("/api/live").status_code == 403


def test_a_cookie_that_nobody_signed_opens_nothing(client: TestClient, tmp_path: Path,
                                                   signs_in: Provider) -> None:  # fmt: skip
    enter(client)
    good = client.cookies[COOKIE]
    for wrong in (good[:-1] + ("A" if good[-1] != "A" else "B"), good.partition(".")[0], "", "x"):
        client.cookies.clear()
        client.cookies.set(COOKIE, wrong)
        assert client.get("/api/live").status_code == 403
    client.cookies.clear()
    client.cookies.set(COOKIE, good)
    assert client.get("/api/live").status_code == 200
    use(signs_in.secrets(tmp_path, BASE))  # another secret
    assert client.get("/api/live").status_code == 403


def test_a_cookie_of_another_port_opens_nothing(
    client: TestClient, tmp_path: Path, signs_in: Provider
) -> None:
    one = {"cookie_secret": "the same in both dashboards"}
    use(signs_in.secrets(tmp_path, BASE, **one))
    enter(client)
    assert client.get("/api/live").status_code == 200
    use(signs_in.secrets(tmp_path, "http://127.0.0.1:9999", **one))
    assert client.get("/api/live").status_code == 403


def test_a_script_sends_the_token_and_an_address_with_it_opens_nothing(client: TestClient) -> None:
    bearer = {"authorization": f"Bearer {access.token()}"}
    assert client.get("/api/live", headers=bearer).text == "inside"
    assert client.get("/api/live", headers={"authorization": "Bearer x"}).status_code == 403
    assert client.get(f"/?token={access.token()}", headers=HTML).status_code == 403
    assert "signs in" in entrance()


@pytest.mark.parametrize(
    ("users", "person", "may"),
    [
        ("", {}, True),
        ("ann@example.org", {}, True),
        ("bob@other.test, Ann@Example.org", {}, True),
        ("@example.org", {}, True),
        ("@ample.org", {}, False),
        ("example.org", {}, False),
        ("bob@example.org", {}, False),
        ("@example.org", {"email_verified": False}, False),
        ("@example.org", {"email": None}, False),
        ("@example.org", {"email": "ann@example.org.evil.test"}, False),
    ],
)
def test_who_may_come_in(
    client: TestClient,
    signs_in: Provider,
    monkeypatch: pytest.MonkeyPatch,
    users: str,
    person: dict[str, object],
    may: bool,
) -> None:
    monkeypatch.setenv("ADDNORM_USERS", users)
    signs_in.person = {k: v for k, v in {**ANN, **person}.items() if v is not None}
    reply = enter(client)
    assert (reply.status_code == 200) == may
    assert client.get("/api/live").status_code == (200 if may else 403)
    if not may:
        assert "may not open this dashboard" in reply.text
        assert 'href="/auth/logout"' in reply.text


@pytest.mark.parametrize("lacks", ["client_id", "cookie_secret", "server_metadata_url"])
def test_half_a_section_opens_nothing_and_says_what_is_missing(
    client: TestClient, signs_in: Provider, tmp_path: Path, lacks: str
) -> None:
    use(signs_in.secrets(tmp_path, BASE, **{lacks: ""}))
    assert client.get("/api/live").status_code == 403
    assert lacks in client.get("/", headers=HTML).text
    assert lacks in entrance()


def test_a_file_of_secrets_that_cannot_be_read_opens_nothing(
    client: TestClient, tmp_path: Path
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[auth\n")
    use(path)
    page = client.get("/", headers=HTML)
    assert page.status_code == 403
    assert "broken.toml can&#39;t be read" in page.text
    assert client.get("/api/live").status_code == 403
    path.unlink()
    assert client.get("/api/live").status_code == 200, "the own user, as without one"


def test_without_authlib_it_says_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in.importlib.util, "find_spec", lambda name: None)
    page = client.get("/", headers=HTML)
    assert page.status_code == 403
    assert "add-and-norm-lab[sign-in]" in page.text


def test_without_the_section_nothing_of_it_is_on(client: TestClient) -> None:
    use(None)
    assert not sign_in.configured()
    assert client.get("/api/live").text == "inside", "the own user"
