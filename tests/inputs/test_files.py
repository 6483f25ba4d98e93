"""Zips, uploads and texts of any bytes: taken whole, or refused; nothing else is touched."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, strategies

from core.config import DataConfig
from core.data import corpora
from core.data.downloads import CorpusError
from core.runs import Run, RunError, RunStore
from core.transfer.archive import import_runs, pack
from tests.inputs.hostile import TEXTS, check, some, texts

INSIDE = [
    "config.json", "status.json", "meta.json", "corpus.json", "tokenizer.json", "events.jsonl",
    "switches.json", "digest.json", "metrics/step-0000.arrow",
    "snapshots/attention-000000001.npy", "checkpoints/step-000000001.safetensors",
    "checkpoints/step-000000001.state.safetensors", "checkpoints/step-000000001.json",
]  # fmt: skip
NESTED = b"[" * 200_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the test's own, which is the cache as well."""
    made = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ADDNORM_CACHE", str(made / "cache"))
        yield made


def taken_or_refused(path: Path, store: RunStore) -> None:
    """A zip that is no run leaves the runs folder as it was."""
    try:
        runs = import_runs(store, path)
    except RunError as error:
        check(error)
        assert not store.root.exists() or os.listdir(store.root) == []
        return
    for run in runs:
        assert run.path.parent == store.root
        shutil.rmtree(run.path)


@some(250)
@given(
    strategies.sampled_from(INSIDE),
    strategies.binary(max_size=60) | texts.map(lambda t: t.encode("utf-8", "surrogatepass")),
)
@example("config.json", NESTED)
@example("meta.json", NESTED)
@example("switches.json", NESTED)
@example("checkpoints/step-000000001.safetensors", len(NESTED).to_bytes(8, "little") + NESTED)
@example("checkpoints/step-000000001.safetensors", (2).to_bytes(8, "little") + b"[]")
def test_a_file_of_a_run(run: Run, folder: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(folder / "one.zip", "w") as archive:
        archive.writestr(f"a/{name}", content)
        if name != "config.json":
            archive.writestr("a/config.json", run.config.model_dump_json())
    taken_or_refused(folder / "one.zip", RunStore(folder / "runs"))


@some(200)
@given(texts, strategies.booleans())
def test_a_name_in_a_zip(run: Run, folder: Path, name: str, beside: bool) -> None:
    name = name.encode("utf-8", "replace").decode()[:2000]
    with zipfile.ZipFile(folder / "names.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"a/{name}" if beside else name), b"{}")
        archive.writestr("a/config.json", run.config.model_dump_json())
    before = sorted(os.listdir(folder))
    taken_or_refused(folder / "names.zip", RunStore(folder / "runs"))
    assert set(os.listdir(folder)) - set(before) <= {"runs"}


@some(100)
@given(strategies.data())
def test_a_damaged_zip(run: Run, folder: Path, data: strategies.DataObject) -> None:
    """Of a run without its long metrics: what is hit is more often a name or a size."""
    if not (folder / "whole.zip").exists():
        pack([run], folder / "whole.zip")
        with (
            zipfile.ZipFile(folder / "whole.zip") as whole,
            zipfile.ZipFile(folder / "small.zip", "w") as small,
        ):
            for info in whole.infolist():
                if info.file_size < 5000:
                    small.writestr(info, whole.read(info))
    content = bytearray((folder / "small.zip").read_bytes())
    for _ in range(data.draw(strategies.integers(1, 4))):
        place = data.draw(strategies.integers(0, len(content) - 1))
        content[place] = data.draw(strategies.integers(0, 255))
    end = data.draw(strategies.integers(0, 200))
    (folder / "damaged.zip").write_bytes(content[: len(content) - end])
    taken_or_refused(folder / "damaged.zip", RunStore(folder / "runs"))


HEADERS = [
    "{'descr': '<f2', 'fortran_order': False, 'shape': (4000000000, 4000000000, 9), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 1), }",
    "{'descr': '<f2', 'fortran_order': False, 'shape': (-1, 1, 1), }",
    "{'descr': '<f2', 'fortran_order': False, 'shape': " + "(" * 3000,
    "__import__('os').system('true')",
    "{'descr': [('a', '<f2')] * 9, }",
    "9" * 9000,
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_of_an_array_that_lies(run: Run, folder: Path, header: str) -> None:
    text = header.encode().ljust(60) + b"\n"
    npy = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + bytes(100)
    with zipfile.ZipFile(folder / "npy.zip", "w") as archive:
        archive.writestr("a/config.json", run.config.model_dump_json())
        archive.writestr("a/snapshots/attention-000000001.npy", npy)
    with pytest.raises(RunError, match="attention-000000001"):
        import_runs(RunStore(folder / "runs"), folder / "npy.zip")


def test_a_zip_of_arrays_is_no_array(run: Run, folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3, np.float16))
    with zipfile.ZipFile(folder / "npz.zip", "w") as archive:
        archive.writestr("a/config.json", run.config.model_dump_json())
        archive.writestr("a/snapshots/attention-000000001.npy", buffer.getvalue())
    with pytest.raises(RunError, match="no attention patterns"):
        import_runs(RunStore(folder / "runs"), folder / "npz.zip")


@some(300)
@given(strategies.binary(max_size=300) | texts.map(lambda t: t.encode("utf-16")), texts)
@example(b"text " * 20, "..")
@example(b"text " * 20, "a/../..")
@example(b"text " * 20, "a\0b")
@example(b"text " * 20, ".bashrc")
def test_an_upload(folder: Path, content: bytes, name: str) -> None:
    try:
        path = corpora.keep_upload(content, name)
    except CorpusError as error:
        check(error)
        return
    assert path.resolve().is_relative_to(folder / "cache" / "uploads")
    assert path.name.isprintable()
    assert corpora.is_upload(str(path))
    try:
        text = corpora.load_text(DataConfig(corpus="file", path=str(path)))
    except CorpusError as error:
        check(error)
    else:
        assert text.length <= len(content)


def test_a_text_of_more_letters_than_are_numbered(folder: Path) -> None:
    letters = "".join(map(chr, (*range(0x100, 0xD800), *range(0xE000, 0x20000)))) * 2
    path = folder / "letters.txt"
    path.write_text(letters, encoding="utf-8")
    with pytest.raises(CorpusError, match="different characters; accepted: at most 65,536"):
        corpora.load_text(DataConfig(corpus="file", path=str(path)))
    path.write_text(letters[: 2**16] * 2, encoding="utf-8")
    assert corpora.load_text(DataConfig(corpus="file", path=str(path))).vocabulary == 2**16


@pytest.mark.parametrize("text", TEXTS)
def test_a_path_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A folder without texts, a device, a name that no disk takes: refused."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")  # a folder with texts is one
    try:
        corpora.load_text(DataConfig.model_construct(corpus="file", path=text))
    except CorpusError as error:
        check(error)
    else:
        assert text.endswith("/etc/passwd"), "the only one that is there"
