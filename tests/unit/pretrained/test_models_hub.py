"""Models by their name on the hub, fetched by its own library from a hub on this machine."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.pretrained import hub, sources
from core.pretrained.adopt import adopt
from core.pretrained.tensors import PretrainedError
from core.runs import RunStore
from tests.adopted import llama

pytest.importorskip("transformers")
library = pytest.importorskip("huggingface_hub")
COMMIT = "a" * 40
HELD = "someone/tiny-llama"


class Hub(BaseHTTPRequestHandler):
    """One model; what was asked for is kept."""

    folder: Path
    asked: list[str]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{HELD}/tree/"):
            files = [
                {"type": "file", "path": one.name, "size": one.stat().st_size, "oid": _oid(one)}
                for one in sorted(self.folder.iterdir())
            ]
            return self._send(json.dumps(files).encode(), body, {})
        if path.startswith(f"/api/models/{HELD}"):
            names = [{"rfilename": one.name} for one in sorted(self.folder.iterdir())]
            told = {"id": HELD, "modelId": HELD, "sha": COMMIT, "siblings": names, "private": False}
            return self._send(json.dumps(told).encode(), body, {})
        one = self.folder / path.rpartition("/")[2]
        if path.startswith(f"/{HELD}/resolve/") and one.is_file():
            self.asked += [one.name] if body else []
            head = {"ETag": f'"{_oid(one)}"', "X-Repo-Commit": COMMIT}
            return self._send(one.read_bytes(), body, head)
        return self._send(b"{}", body, {"X-Error-Code": "RepoNotFound"}, 404)

    def _send(self, content: bytes, body: bool, more: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def _oid(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A hub with one model, which has a pickle and code of its own besides."""
    folder = llama(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_own.py").write_text("raise SystemExit")
    handler = type("Here", (Hub,), {"folder": folder, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    for name in ("snapshot_download", "hf_hub_download"):
        from_here = functools.partial(
            getattr(library, name), endpoint=endpoint, cache_dir=tmp_path / "cache"
        )
        monkeypatch.setattr(library, name, from_here)
    yield handler.asked
    server.shutdown()
    server.server_close()


def test_a_model_of_the_hub_is_fetched_once_and_without_code(store: RunStore, served) -> None:
    run = adopt(store, HELD)
    assert run.name == run.source["name"] == "tiny-llama"
    assert set(served) == {"config.json", "tokenizer.json", "model.safetensors"}
    again = adopt(store, HELD)
    assert again.source["sha256"] == run.source["sha256"]
    assert served.count("model.safetensors") == 1


def test_who_has_no_network_reads_what_was_fetched_before(store: RunStore, served, monkeypatch):
    adopt(store, HELD)
    kept = library.snapshot_download
    monkeypatch.setattr(library, "snapshot_download", functools.partial(kept, endpoint=NOWHERE))
    assert adopt(store, HELD).source["family"] == "llama"
    with pytest.raises(PretrainedError, match="the hub can't be reached; fetch it where there is"):
        adopt(store, "someone/never-fetched")


NOWHERE = "http://127.0.0.1:9"


def test_a_name_that_the_hub_does_not_have(store: RunStore, served) -> None:
    with pytest.raises(PretrainedError, match="the hub has no such model; name a folder"):
        adopt(store, "someone/else")


def test_without_the_library_it_says_what_to_install(store: RunStore, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PretrainedError, match="pip install huggingface_hub"):
        adopt(store, "someone/model")


def test_what_is_a_name_and_what_a_path() -> None:
    names = ("gpt2", "openai-community/gpt2", "a/b@main", "a/b/c.Q4_1.gguf", "a/b/sub/c.gguf@v1")
    assert [hub.is_name(one) for one in names] == [True] * 5
    paths = ("/a/b", "./a", "~/a", "a/b/c", "model.gguf", "folder/model.gguf", "a b", "", "a/../b")
    assert [hub.is_name(one) for one in paths] == [False] * len(paths)


def test_a_folder_comes_before_a_name(tmp_path, monkeypatch) -> None:
    llama(tmp_path / "someone" / "tiny-llama")
    monkeypatch.chdir(tmp_path)
    assert sources.opened(HELD).name == "tiny-llama"
