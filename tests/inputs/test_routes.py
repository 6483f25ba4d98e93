"""Requests to the live routes with anything in place of what they ask for: never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import example, given, strategies

from core.runs import Run
from dashboard.web import access
from tests.inputs.hostile import some, texts
from tests.routes import Checked, client

NAMES = [
    "runs", "run", "since", "metric", "metrics", "latest", "focus", "layers", "headline", "own",
    "points", "from", "to", "step", "side", "cells", "with", "lines",
]  # fmt: skip
METRICS = ["loss/train", "grad_norm/block", "activation/rms/resid_post", "attention/entropy"]
LARGEST = 4 * 2**20  # bytes of an answer about a small run


@pytest.fixture(scope="module")
def asks(run: Run) -> Iterator[Checked]:
    """A client of a dashboard over the run's folder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ADDNORM_RUNS", str(run.path.parent))
        patched.setattr(access, "SLOW", 0)
        yield client()


def sane(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


words = texts | strategies.sampled_from(
    [*METRICS, "0:0", "0:0~1:0", "16", "256", "2147483648", "R"]
)
params = strategies.dictionaries(strategies.sampled_from(NAMES), words, max_size=5)
pieces = strategies.lists(words, min_size=1, max_size=4)


def answered(asks: Checked, path: str) -> None:
    """An answer or a refusal in JSON or bytes, of a bounded size."""
    reply = asks.get(path)
    assert reply.status_code in (200, 400, 404), path[:300]
    assert len(reply.content) <= LARGEST
    assert b"Traceback" not in reply.content
    if reply.status_code != 200 and reply.headers["content-type"] == "application/json":
        assert list(reply.json()) == ["error"]


@some(700)
@given(strategies.sampled_from(["live", "cells", "series", "profile"]), params)
@example("series", {"run": "R", "metric": "loss/train", "points": "9" * 5000})
@example("live", {"runs": ",".join(["R"] * 1000)})
def test_questions(asks: Checked, run: Run, route: str, params: dict[str, str]) -> None:
    told = {name: run.id if text == "R" else text for name, text in params.items()}
    query = "&".join(f"{name}={sane(text)}"[:9000] for name, text in told.items())
    answered(asks, f"/api/{route}?{query}")


@some(500)
@given(strategies.sampled_from(["attention", "inspections", "assets"]), pieces, params)
def test_places(
    asks: Checked, run: Run, room: str, pieces: list[str], params: dict[str, str]
) -> None:
    place = "/".join(sane(run.id if p == "R" else p)[:5000] for p in pieces)
    query = "&".join(f"{name}={sane(text)}"[:5000] for name, text in params.items())
    answered(asks, f"/api/{room}/{place}?{query}")


@some(150)
@given(
    strategies.dictionaries(
        strategies.sampled_from(["host", "origin", "cookie", "accept", "authorization",
                                 "sec-fetch-site", "x-forwarded-for", "accept-encoding"]),
        texts,
        max_size=4,
    )
)  # fmt: skip
def test_headers(asks: Checked, headers: dict[str, str]) -> None:
    sent = {k: v.encode("utf-8", "surrogatepass")[:4000] for k, v in headers.items()}
    reply = asks.get("/api/live", headers=sent)
    assert reply.status_code in (200, 403)


@some(100)
@given(params)
def test_addresses_with_a_token(asks: Checked, params: dict[str, str]) -> None:
    """The page that asks for the token repeats the address, and nothing of it is obeyed."""
    query = "&".join(f"{sane(k)}={sane(v)}"[:5000] for k, v in params.items())
    headers = {"accept": "text/html", "authorization": ""}
    reply = asks.get(f"/compare?token=x&{query}", headers=headers, follow_redirects=False)
    assert reply.status_code == 403
    assert "<script" not in reply.text
    assert "onerror=alert(1)>" not in reply.text.replace("&gt;", "")
