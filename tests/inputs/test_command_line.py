"""Whatever is typed behind `python -m core`: done, or one line and exit status 2."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from core.__main__ import main
from core.anatomy import KINDS
from core.config import settings
from core.data import corpora
from core.runs import Run, RunStore
from tests.inputs.hostile import TEXTS, is_sentence, some, texts

ROOT = Path(__file__).resolve().parents[2]


class StartedError(Exception):
    """A run would have been made: the words are good."""


@pytest.fixture(scope="module", autouse=True)
def _only_words(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is trained, nothing is fetched, and relative names are those of an empty folder."""
    read = corpora.load_corpus

    def read_and_stop(config: Any) -> None:
        read(config)
        raise StartedError

    def started(*_: object, **__: object) -> None:
        raise StartedError

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(corpora, "load_corpus", read_and_stop)
        patched.setattr(RunStore, "create", started)
        patched.setattr("core.jobs.grids.start", started)
        patched.setattr("core.cli.runs.revive", lambda store: None)
        patched.setattr("urllib.request.urlopen", offline)
        patched.setenv("ADDNORM_RUNS", str(run.path.parent))
        patched.setenv("ADDNORM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patched.delenv("ADDNORM_DATA", raising=False)
        patched.chdir(tmp_path_factory.mktemp("here"))
        yield


def typed(words: list[str]) -> tuple[int, str]:
    """Exit status and what was said on standard error."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = main(words)
        except StartedError:
            status = 0
        except SystemExit as end:  # --help
            status = int(end.code or 0)
    assert "\x1b" not in out.getvalue() + error.getvalue()
    return status, error.getvalue()


def answered(words: list[str]) -> None:
    """Done, or refused as it should be."""
    status, said = typed(words)
    assert status in (0, 2), said
    if status == 2:
        assert is_sentence(said.removesuffix("\n")), said


def options(*names: str) -> Any:
    """A few options with any value."""
    some_names = strategies.sampled_from(names)
    pairs = strategies.tuples(some_names, texts).map(lambda pair: f"--{pair[0]}={pair[1]}")
    return strategies.lists(pairs, max_size=3)


ids = strategies.sampled_from(["pre-ln-lives", "nobody", ""]) | texts


@some(250)
@given(options(*settings(), "preset", "name", "steps", "device"))
def test_train(words: list[str]) -> None:
    answered(["train", *words])


@some(250)
@given(ids, options("tokens", "temperature", "top-k", "top-p", "seed", "step", "prompt"))
def test_generate(id: str, words: list[str]) -> None:
    answered(["generate", *words, "--", id])


@some(150)
@given(
    strategies.sampled_from(["list", "show", "trash", "pause", "resume", "step", "stop", "switch",
                             "delete", "restore", "dance"]) | texts,
    ids,
    strategies.lists(texts, max_size=2),
)  # fmt: skip
def test_runs(verb: str, id: str, more: list[str]) -> None:
    if verb == "delete":
        id = f"no {id}"  # the run is for the other tests, too
    answered(["runs", verb, *([] if verb in ("list", "trash") else [id, *more])])


@some(150)
@given(ids, strategies.sampled_from([*KINDS]) | texts, strategies.lists(texts, max_size=3))
def test_inspect(id: str, kind: str, words: list[str]) -> None:
    answered(["inspect", "--", id, kind, *words])


@some(100)
@given(strategies.lists(texts, min_size=1, max_size=3))
def test_evidence(names: list[str]) -> None:
    answered(["evidence", "--list", "--only", *names])


@some(100)
@given(texts)
def test_files_that_are_named(name: str) -> None:
    name = name.replace("\0", "")  # which no argument can hold
    for words in (["import"], ["sweep"]):
        answered([*words, "--", name])
    for words in (["sweep", f"--pause={name}"], ["runs", "list", f"--runs-dir={name}"]):
        answered(words)


@some(100)
@given(strategies.lists(texts, max_size=4))
def test_anything(words: list[str]) -> None:
    answered(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--tokens=1e9"],
        ["--tokens=1000000000"],
        ["--tokens=-1"],
        [f"--tokens={'9' * 5000}"],
        [f"--seed={'9' * 4000}"],
        ["--seed=-1"],
        ["--temperature=nan"],
        ["--temperature=inf"],
        ["--temperature=-1"],
        ["--top-p=nan"],
        ["--top-p=2"],
        ["--top-k=-1"],
    ],
)
def test_numbers_that_no_text_is_drawn_with(
    words: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "checkpoints", [20])
    status, said = typed(["generate", run.id, *words])
    assert status == 2
    assert words[0].partition("=")[0] in said
    assert is_sentence(said.removesuffix("\n"))


@pytest.mark.parametrize("text", [t for t in TEXTS if "\0" not in t and "\ud800" not in t][::9])
def test_in_a_process_of_its_own(text: str, tmp_path: Path) -> None:
    """The same from outside, where no test catches what escapes."""
    words = ["train", "--data.path", text[:2000], "--training.steps", text[:2000]]
    ran = subprocess.run(
        [sys.executable, "-m", "core", *words],
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path), "ADDNORM_RUNS": str(tmp_path / "runs")},
        capture_output=True,
        timeout=120,
    )
    assert ran.returncode == 2
    assert len(ran.stderr.decode().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
