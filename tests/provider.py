"""An OpenID Connect provider of a test's own on this machine, that signs everybody in.

Discovery, authorization (code flow with PKCE), token and keys, as
https://openid.net/specs/openid-connect-core-1_0.html has them. Whom it signs in is `person`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "add-and-norm-lab", "a secret of the two"
ANN = {"sub": "1", "email": "ann@example.org", "email_verified": True, "name": "Ann"}


class Provider(ThreadingHTTPServer):
    """Signs in `person` at `url`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.person: dict[str, Any] = dict(ANN)
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def secrets(self, home: Path, origin: str, **changes: str) -> Path:
        """Write the `secrets.toml` of a dashboard at `origin` that signs people in here."""
        said = {
            "redirect_uri": f"{origin}/oauth2callback",
            "cookie_secret": secrets.token_hex(16),
            "client_id": CLIENT,
            "client_secret": SECRET,
            "server_metadata_url": f"{self.url}/.well-known/openid-configuration",
            **changes,
        }
        path = home / ".streamlit" / "secrets.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items() if value]
        path.write_text("\n".join(["[auth]", *lines]) + "\n")
        return path


class Answer(BaseHTTPRequestHandler):
    """One answer of the provider."""

    server: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.server.asked.append(address.path)
        url = self.server.url
        if address.path == "/.well-known/openid-configuration":
            self._say({
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        elif address.path == "/keys":
            self._say({"keys": [self.server.key.as_dict(private=False)]})
        elif address.path == "/authorize":
            asked = dict(parse_qsl(address.query))
            code = secrets.token_hex(8)
            self.server.codes[code] = asked
            self.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """The token for a code, once, to who knows the secret and the verifier."""
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.server.codes.pop(said.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or self.headers.get("Authorization") != f"Basic {basic}"
            or challenge != asked.get("code_challenge")
        ):
            self._say({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            **{"iss": self.server.url, "aud": CLIENT, "iat": now, "exp": now + 600},
            **{"nonce": asked["nonce"], **self.server.person},
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.server.key)
        self._say({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def _say(self, what: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    with Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
