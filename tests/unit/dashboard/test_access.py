"""Who gets in: the token, the cookie, the same user; and what every answer forbids a browser."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard import api
from dashboard.web import access, peer, security_headers
from dashboard.web.lifespan import entrance

BASE = "http://127.0.0.1:8601"
HTML = {"accept": "text/html"}
OWN_PAGE = {"origin": BASE, "host": "127.0.0.1:8601"}


async def beyond(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind the door."""
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.close()
    else:
        await PlainTextResponse("inside")(scope, receive, send)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A browser of which the kernel says nothing."""
    monkeypatch.delenv("ADDNORM_TOKEN", raising=False)
    monkeypatch.setattr(access, "SLOW", 0)
    app = Starlette(middleware=api.MIDDLEWARE)
    app.mount("/", beyond)
    return TestClient(app, base_url=BASE, follow_redirects=False)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says that it is the server's own user."""
    monkeypatch.setattr(peer, "uid", lambda scope: os.getuid())


@pytest.mark.parametrize("path", ["/", "/api/live", "/_stcore/host-config", "/media/x", "/nothing"])
def test_nothing_is_told_without_a_token(client: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
        assert client.request(method, path).status_code == 403
    assert list(client.get(path).json()) == ["error"]


@pytest.mark.parametrize("path", ["/_stcore/health", "/static/js/none.js"])
def test_what_tells_nothing_is_open(client: TestClient, path: str) -> None:
    assert client.get(path).text == "inside"


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "token"])
def test_a_script_sends_the_token(client: TestClient, kind: str) -> None:
    def asked(token: str) -> int:
        return client.get("/api", headers={"authorization": f"{kind} {token}"}).status_code

    assert asked(access.token()) == 200
    for wrong in ("", "x", access.token()[:-1], access.token() + "x", access.token().swapcase()):
        assert asked(wrong) == 403


def test_an_address_with_the_token_leaves_a_cookie_and_loses_it(client: TestClient) -> None:
    address = f"/compare?a=1&token={access.token()}&b=%26"
    reply = client.get(address, headers=HTML)
    assert reply.status_code == 303
    assert reply.headers["location"] == "/compare?a=1&b=%26"
    cookie = reply.headers["set-cookie"]
    assert access.token() not in cookie
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "addnorm_8601="))
    assert client.get("/compare", headers=HTML).text == "inside"
    assert client.get("/api/live").text == "inside"


def test_the_cookie_is_good_for_one_user_of_the_machine(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "uid", lambda scope: 4242)
    client.get(f"/?token={access.token()}", headers=HTML)
    assert client.get("/api/live").status_code == 200
    monkeypatch.setattr(peer, "uid", lambda scope: 4243)
    assert client.get("/api/live").status_code == 403, "another user's server has seen it"


def test_the_cookie_ends_with_the_token(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(f"/?token={access.token()}", headers=HTML)
    monkeypatch.setenv("ADDNORM_TOKEN", "a new one")
    assert client.get("/api/live").status_code == 403


@pytest.mark.parametrize("path", ["//evil.test/", "/\\evil.test", "///evil.test", "/%5Cevil.test"])
def test_the_way_on_leads_nowhere_else(client: TestClient, path: str) -> None:
    reply = client.get(f"{BASE}{path}?token={access.token()}", headers=HTML)
    assert reply.headers["location"].startswith("/evil.test"), "a page of this server"


def test_a_page_asks_for_the_token_and_keeps_the_address(client: TestClient) -> None:
    asked = client.get('/compare?runs="><script>', headers=HTML)
    assert asked.status_code == 403
    assert "no-store" in asked.headers["cache-control"]
    assert 'name="token"' in asked.text
    assert "<script" not in asked.text
    assert "&#34;&gt;&lt;script&gt;" in asked.text
    wrong = client.get("/?token=wrong", headers=HTML)
    assert wrong.status_code == 403
    assert "not the token" in wrong.text
    assert "set-cookie" not in wrong.headers


@pytest.mark.usefixtures("owner")
def test_the_own_user_just_comes_in(client: TestClient) -> None:
    assert client.get("/", headers=HTML).text == "inside"
    old = client.get("/?token=of-an-earlier-start&a=1", headers=HTML)
    assert (old.status_code, old.headers["location"]) == (303, "/?a=1")
    assert "set-cookie" not in old.headers


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-proto": "https"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "127.0.0.1"},
        {"host": "lab.example"},
    ],
)
def test_what_is_passed_on_is_nobody_s_own(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setenv("ADDNORM_HOSTS", "lab.example")
    assert client.get("/api/live", headers=headers).status_code == 403
    bearer = {"authorization": f"Bearer {access.token()}"}
    assert client.get("/api/live", headers=headers | bearer).status_code == 200


@pytest.mark.usefixtures("owner")
def test_a_token_of_one_s_own_is_asked_of_everyone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDNORM_TOKEN", "ein Schlüssel")
    assert client.get("/api/live").status_code == 403
    assert client.get("/", params={"token": "ein Schlüssel"}, headers=HTML).status_code == 303
    assert client.get("/api/live").status_code == 200


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({"origin": BASE}, True),
        ({"origin": BASE.replace("http", "https")}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://localhost:8601"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://127.0.0.1"}, False),
        ({"origin": "file://127.0.0.1:8601"}, False),
        ({"origin": "http://evil.test", "host": "evil.test"}, False),
    ],
)
@pytest.mark.usefixtures("owner")
def test_only_the_own_page_opens_the_websocket(
    client: TestClient, headers: dict[str, str], opens: bool
) -> None:
    try:
        told = {"host": "127.0.0.1:8601", **headers}
        with client.websocket_connect("/_stcore/stream", headers=told):
            opened = True
    except WebSocketDisconnect:
        opened = False
    assert opened == opens


def test_the_websocket_is_behind_the_door(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=OWN_PAGE),
    ):
        pass


@pytest.mark.usefixtures("owner")
def test_a_proxy_that_signs_people_in_brings_the_token(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDNORM_HOSTS", "lab.example")
    monkeypatch.setenv("ADDNORM_TOKEN", "of-the-proxy-alone")
    passed_on = {
        "host": "lab.example",
        "origin": "https://lab.example",
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-proto": "https",
    }
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_stcore/stream", headers=passed_on),
    ):
        pass
    passed_on["authorization"] = "Bearer of-the-proxy-alone"
    assert client.get("/", headers={**passed_on, **HTML}).text == "inside"
    with client.websocket_connect("/_stcore/stream", headers=passed_on):
        pass


@pytest.mark.parametrize(
    ("site", "mode", "target", "status"),
    [
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "script", 403),
        ("same-site", "no-cors", "image", 403),
        ("same-site", "cors", "empty", 403),
    ],
)
@pytest.mark.usefixtures("owner")
def test_the_browser_says_which_site_asks(
    client: TestClient, site: str, mode: str, target: str, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": target}
    assert client.get("/api/live", headers=headers).status_code == status


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in ("/", "/api/live", "/_stcore/health"):
        reply = client.get(path)
        for name, value in security_headers.HEADERS.items():
            assert reply.headers[name] == value, path
    assert client.get("/", headers={"host": "evil.test"}).headers["x-frame-options"] == "DENY"


def test_the_policy_names_no_other_host_and_no_script_of_a_page_s_text() -> None:
    policy = security_headers.policy(["'sha256-x'"])
    assert "http" not in policy
    scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert scripts == "script-src 'self' blob: 'unsafe-eval' 'sha256-x'"


def test_inline_scripts_are_allowed_by_what_they_say() -> None:
    page = b'<script>a()</script><script type="module">b()</script><script src="c.js"></script>'
    assert len(security_headers.hashes(page)) == 2
    assert security_headers.hashes(b"<script>a()</script>") == security_headers.hashes(page)[:1]


def connection(family: int, host: str) -> tuple[socket.socket, Any, socket.socket]:
    """Both ends of a connection within this machine, and its scope as a server makes it."""
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        client = socket.create_connection(server.getsockname()[:2])
        accepted, _ = server.accept()
    ends = {"client": accepted.getpeername()[:2], "server": accepted.getsockname()[:2]}
    return client, ends, accepted


needs_kernel = pytest.mark.skipif(not peer.told(), reason="the kernel lists no sockets here")


@needs_kernel
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_the_kernel_says_whose_connection_it_is(family: int, host: str) -> None:
    try:
        client, scope, accepted = connection(family, host)
    except OSError:
        pytest.skip("this machine has no such address")
    with client, accepted:
        assert peer.uid(scope) == os.getuid()
        port = scope["client"][1]
        assert peer.owner((host, port), (host, scope["server"][1] + 1)) is None
        client.close()
        assert peer.owner(scope["client"], scope["server"]) is None, "a closed one is nobody's"
        assert peer.uid(scope) == os.getuid(), "and is remembered for the connection"
        again = {**scope, "client": (host, port), "server": scope["server"]}
        assert peer.uid(again) is None, "not for another of the same numbers"


@needs_kernel
def test_nobody_elsewhere_is_a_user_of_this_machine() -> None:
    for client in (("10.0.0.1", 80), ("testclient", 50000), ("", 0), ("fe80::1%eth0", 1)):
        assert peer.owner(client, ("127.0.0.1", 8501)) is None
    assert peer.uid({"client": None, "server": None}) is None
    assert peer.uid({"client": ("127.0.0.1", 1), "server": ("/run/lab.sock", None)}) is None


def test_the_start_says_who_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADDNORM_TOKEN", raising=False)
    assert entrance().endswith(f"/?token={access.token()}")
    monkeypatch.setenv("ADDNORM_TOKEN", "short")
    assert "It is short" in entrance()
    monkeypatch.setenv("ADDNORM_TOKEN", "long-enough-to-be-safe")
    assert "long-enough" not in entrance()
    assert "ADDNORM_TOKEN" in entrance()
