"""Runs whose text is cut into bytes or subwords train, go on and are measured like others."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import anatomy
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.config import RunConfig
from core.data import corpora, prepared, vocabularies
from core.data.documents import Held
from core.data.subwords import FILE, Subwords
from core.jobs.execute_run import FileControl, work
from core.jobs.slots import Slot
from core.runs import Run, RunStore
from core.runs.status import send
from core.training import preparing
from core.training.control import NullControl
from core.training.trainer import Trainer
from core.verdicts.verdict import judge
from tests.conftest import small
from tests.loops import Script, losses, train
from tests.subjects import asking


def bpe(**changes: object) -> RunConfig:
    return small(data__tokenizer="bpe", data__vocabulary=300, **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(RunStore(tmp_path_factory.mktemp("bpe")), bpe(training__steps=60))


def test_a_run_of_byte_pairs_from_start_to_end(run: Run) -> None:
    assert run.status == "finished"
    corpus = run.corpus
    assert (corpus["vocabulary"], corpus["unit"], corpus["baseline"]) == (300, "token", "subword")
    assert run.tokenizer["kind"] == "subwords"
    tokenizer = Subwords((run.path / FILE).read_bytes())
    assert tokenizer.sha256 == run.tokenizer["sha256"]
    assert tokenizer.decode(corpus["probe_tokens"]) == corpus["probe_text"]
    assert corpus["probe_pieces"] == tokenizer.pieces(corpus["probe_tokens"])
    assert len(corpus["probe_tokens"]) == 16
    assert losses(run)[0] == pytest.approx(math.log(300), abs=1)
    assert corpus["unigram_entropy"] < math.log(300)
    assert run.snapshots.pattern(10).shape == (2, 2, 16, 16)
    [first, *_] = [event["text"] for event in run.events if event["kind"] == "sample"]
    assert first
    assert "single tokens" in str(judge(run).sentence)


def test_bits_per_byte_are_made_of_the_validation_loss(run: Run) -> None:
    size = run.corpus["bytes_per_token"]
    text = corpora.load_text(run.config.data)
    held_out = text.tokenizer.decode(text.validation.tolist())
    assert size == pytest.approx(len(held_out.encode()) / len(text.validation), rel=1e-4)
    steps, found = run.series("bits_per_byte/validation")
    assert steps.tolist() == [0, 10, 20, 30, 40, 50, 60]
    expected = losses(run, "loss/validation") / math.log(2) / size
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert run.metrics()["bits_per_byte/validation"] == 0


def test_runs_of_before_have_them_where_every_letter_is_a_byte(store: RunStore) -> None:
    from core.files import read_json, write_json

    found = train(store, small(data__corpus="tiny-shakespeare"))
    about = read_json(found.path / "corpus.json")
    assert about.pop("bytes_per_token") == 1.0
    write_json(found.path / "corpus.json", about)
    np.testing.assert_allclose(
        losses(found, "bits_per_byte/validation"), losses(found, "loss/validation") / math.log(2)
    )
    task = train(store, small(data__corpus="markov"))
    assert "bits_per_byte/validation" not in task.metrics()


def test_a_resumed_run_keeps_its_own_tokens(tmp_path: Path, store: RunStore) -> None:
    path = tmp_path / "tokenizer.json"
    text = "the cat sat on the mat, and the other cat sat on it\n" * 200
    path.write_bytes(vocabularies.learned(Held("x", "y", text), 290, prepared.quiet).content)
    config = small(data__tokenizer_file=str(path))
    whole = train(store, config)
    stopped = train(store, config, Script({25: "stop"}))
    assert stopped.status == "stopped"
    path.unlink()  # its copy in the run's directory is enough
    Trainer(stopped, NullControl()).train()
    np.testing.assert_array_equal(losses(stopped), losses(whole))


def test_bytes(store: RunStore) -> None:
    found = train(store, small(data__tokenizer="bytes"))
    assert found.tokenizer == {"kind": "bytes", "size": 256}
    assert (found.corpus["unit"], found.corpus["bytes_per_token"]) == ("byte", 1.0)
    checkpoint = LoadedCheckpoint(found, 30)
    assert checkpoint.encode("残 a") == [*"残 a".encode()]
    assert checkpoint.tokenizer.decode(checkpoint.tokens("")) == found.corpus["probe_text"]


@pytest.mark.parametrize("kind", ["score", "lens", "attention", "streams"])
def test_questions_to_a_checkpoint_of_subwords(run: Run, kind: str) -> None:
    checkpoint = LoadedCheckpoint(run, 60)
    asked = asking(kind, {} if kind == "streams" else {"text": "The yield statement"})
    answer = anatomy.load(anatomy.KINDS[kind].function)(checkpoint, asked, anatomy.Silent())
    pieces = checkpoint.pieces(checkpoint.encode("The yield statement"))
    assert "".join(pieces) == "The yield statement"
    if kind == "score":
        assert [token["text"] for token in answer.result["tokens"]] == pieces
        total = sum(token["nats"] for token in answer.result["tokens"][1:])
        letters = len("The yield statement") - len(pieces[0])
        assert answer.result["bits_per_character"] == pytest.approx(total / math.log(2) / letters)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A corpus that has to be prepared, looked at after every piece."""
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(preparing, "SECONDS", 0.0)
    monkeypatch.setattr(prepared, "BLOCK", 20_000)


def test_a_run_says_how_far_its_corpus_is_and_stops_meanwhile(
    slow: None, store: RunStore, tmp_path: Path
) -> None:
    run = store.create(bpe())
    said: list[str] = []

    def watch(status: Any) -> None:
        said.append(f"{status.state} {status.message}")
        if "cuts python-reference into tokens" in str(status.message):
            send(run.path / "control", "stop")

    lock, slot = run.lock(), Slot("cpu", 0)
    lock.acquire()
    slot.enter(wait=False)
    try:
        assert work(run, FileControl(run, slot), watch) == "stopped"
        assert any(word.startswith("starting reads python-reference: ") for word in said)
        assert "it was stopped while its corpus was prepared" in said[-1]
        assert not list((tmp_path / "cache" / "prepared").glob("*/about.json"))
        assert work(run, FileControl(run, slot)) == "finished"
    finally:
        slot.leave()
        lock.release()
    assert str(run.record.message) == ""


def test_other_commands_wait_until_the_loop_runs(slow: None, store: RunStore) -> None:
    control = Script({0: "pause", 40: "resume"})
    run = train(store, bpe(), control)
    assert control.left == 1
    assert run.status == "finished"


def test_a_fork_reads_another_text_in_the_same_bytes(store: RunStore, tmp_path: Path) -> None:
    from core.jobs import forks
    from core.runs import RunError

    parent = train(store, small(data__tokenizer="bytes"))
    text = tmp_path / "other.txt"
    text.write_text("Something else entirely, with ß.\n" * 200)
    start = forks.point(parent, 20)
    changes = {"data.corpus": "file", "data.path": str(text), "training.steps": 40}
    config = forks.settings(start, changes)
    fork = store.create(config, "", start)
    Trainer(fork, NullControl()).train()
    assert fork.corpus["corpus"] == "other.txt"
    with pytest.raises(RunError, match="letters that are not the 256"):
        forks.settings(start, {**changes, "data.tokenizer": "characters"})
    shutil.rmtree(fork.path)
