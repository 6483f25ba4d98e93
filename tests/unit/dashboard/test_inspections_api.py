"""The routes that follow questions, on answers written as the inspector writes them."""

import io

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.files import write_atomically, write_json
from core.jobs import inspection_queue, inspections
from core.jobs.inspections import Record
from core.runs import RunStore
from core.runs.locks import Lock
from dashboard import api
from dashboard.api.inspections import MOST_ITEMS
from tests.fake_runs import finished


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path))
    monkeypatch.setattr(inspection_queue, "revive", lambda root: None)  # nobody answers here
    return RunStore(tmp_path)


@pytest.fixture
def client(store):
    return TestClient(Starlette(routes=api.ROUTES, middleware=api.MIDDLEWARE), "http://127.0.0.1")


@pytest.fixture
def asked(store):
    """A question that waits."""
    run = finished(store, steps=40)
    (run.path / "checkpoints" / "step-000000040.json").write_text("{}")
    return inspections.ask(store, run, "generate", prompt="First", length=3)


def address(asked):
    return f"/api/inspections/{asked.run}/{asked.id}"


def answer(asked, result, **arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(asked.folder / "arrays.npz", buffer.getvalue())
    write_json(asked.folder / "result.json", result)
    asked.write(Record("done", 1.0, ""))


def test_a_refusal_counts_layers_from_1_as_the_pages_do(client, asked):
    asked.write(
        Record("failed", 0.0, "operations: layer 3 is the last; there is none to swap with")
    )
    assert client.get(address(asked)).json()["message"].startswith("operations: layer 4 is the")


def test_where_a_question_stands(client, asked):
    reply = client.get(address(asked))
    assert reply.json() == {"state": "waiting", "progress": 0, "message": "waits for its turn"}
    assert reply.headers["cache-control"] == "no-store"
    lock = Lock(asked.folder / "lock")
    assert lock.acquire()
    try:
        asked.write(Record("working", 0.123456, "writes"))
        assert client.get(address(asked)).json()["progress"] == 0.123
    finally:
        lock.release()
    # Its process is gone: it does not hang for ever.
    assert client.get(address(asked)).json()["state"] == "failed"
    asked.cancel()


def test_the_stream_comes_once_from_where_the_reader_is(client, asked):
    lines = "".join(f'{{"text": "{letter}", "p": 0.5}}\n' for letter in "abc")
    (asked.folder / "stream.jsonl").write_text(lines + '{"text": "unfinished')
    first = client.get(f"{address(asked)}/stream").json()
    assert [item["text"] for item in first["items"]] == ["a", "b", "c"]
    assert (first["next"], first["more"], first["state"]) == (3, False, "waiting")
    with open(asked.folder / "stream.jsonl", "a") as file:
        file.write('"}\n')
    later = client.get(f"{address(asked)}/stream?since=3").json()
    assert [item["text"] for item in later["items"]] == ["unfinished"]
    assert client.get(f"{address(asked)}/stream?since=4").json()["items"] == []


def test_a_long_stream_comes_in_parts_that_lose_nothing(client, asked):
    lines = "".join(f'{{"i": {i}}}\n' for i in range(2 * MOST_ITEMS + 5))
    (asked.folder / "stream.jsonl").write_text(lines)
    found, since, more = [], 0, True
    while more:
        reply = client.get(f"{address(asked)}/stream?since={since}").json()
        found += [item["i"] for item in reply["items"]]
        since, more = reply["next"], reply["more"]
    assert found == list(range(2 * MOST_ITEMS + 5))


def test_the_answer_and_its_arrays(client, asked):
    pattern = np.arange(6, dtype=np.float16).reshape(2, 3) / 7
    answer(asked, {"text": "abc", "nats": None}, pattern=pattern, ids=np.array([[1, 2]], np.int32))
    assert client.get(f"{address(asked)}/result").json() == {"text": "abc", "nats": None}
    reply = client.get(f"{address(asked)}/array/pattern")
    assert (reply.headers["x-shape"], reply.headers["x-type"]) == ("2,3", "<f4")
    # float16 goes out in a type that browsers know, every value as it was.
    assert np.array_equal(np.frombuffer(reply.content, "<f4").reshape(2, 3), pattern)
    ids = client.get(f"{address(asked)}/array/ids")
    assert ids.headers["x-type"] == "<i4"
    assert np.frombuffer(ids.content, "<i4").tolist() == [1, 2]
    assert reply.headers["cache-control"] == "no-store"  # it may be asked anew under its name


def test_what_is_not_there_is_a_sentence(client, asked):
    for path in (
        "/api/inspections/nobody/0123456789abcdef",
        f"/api/inspections/{asked.run}/0123456789abcdef",
        f"/api/inspections/{asked.run}/..",
        f"{address(asked)}/result",
        f"{address(asked)}/array/pattern",
    ):
        reply = client.get(path)
        assert reply.status_code == 404, path
        if "error" in reply.text:
            assert len(reply.json()["error"].split()) > 3
    answer(asked, {}, pattern=np.zeros(2))
    missing = client.get(f"{address(asked)}/array/nothing")
    assert missing.status_code == 404
    assert "pattern" in missing.json()["error"]
    assert client.get(f"{address(asked)}/stream?since=x").status_code == 400


def test_the_routes_only_read(client, asked):
    for method in ("post", "put", "delete"):
        assert getattr(client, method)(address(asked)).status_code == 405
    refused = client.get(address(asked), headers={"Origin": "http://elsewhere.example"})
    assert refused.status_code == 403
