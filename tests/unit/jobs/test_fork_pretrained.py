"""A pretrained model goes on learning: a fork of it, on a text in its own tokens."""

import pytest
import torch

from core.__main__ import main
from core.jobs import admission, forks
from core.pretrained.adopt import adopt
from core.runs import RunError, RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer
from tests.adopted import CONTEXT, VOCABULARY, llama, saved, shaken

transformers = pytest.importorskip("transformers")
TEXT = "the cat sat on the mat. the dog sat on the log. " * 60
QUICK = {
    "training.steps": 40, "training.batch_size": 8, "training.evaluate_every": 20,
    "optimizer.learning_rate": 0.003, "training.device": "cpu",
}  # fmt: skip


@pytest.fixture
def parent(store: RunStore, tmp_path):
    return adopt(store, str(llama(tmp_path / "a model")))


@pytest.fixture
def text(tmp_path) -> dict[str, str]:
    (tmp_path / "cats.txt").write_text(TEXT, encoding="utf-8")
    return {"data.corpus": "file", "data.path": str(tmp_path / "cats.txt")}


def test_it_learns_a_text_in_the_models_own_tokens(store: RunStore, parent, text) -> None:
    run = forks.fork(store, parent, changes={**QUICK, **text})
    assert run.fork is not None
    assert (run.fork.fresh, run.fork.subwords, run.fork.step) == (True, VOCABULARY, 0)
    assert run.tokenizer == parent.tokenizer
    assert not run.source  # it is a run that was trained here
    Trainer(run, NullControl()).train()
    assert run.status == "finished"
    assert run.corpus["vocabulary"] == VOCABULARY
    assert run.corpus["corpus"] == "cats.txt"
    steps, losses = run.series("loss/validation")
    assert steps[0] == 0
    assert losses[-1] < losses[0] - 0.5
    assert run.resumable[-1] == 40


def test_it_begins_with_the_models_weights(store: RunStore, parent, text) -> None:
    from core.anatomy.loaded_checkpoint import LoadedCheckpoint

    slow = {"training.steps": 1, "optimizer.learning_rate": 1e-12, "optimizer.weight_decay": 0.0}
    run = forks.fork(store, parent, changes={**QUICK, **text, **slow})
    Trainer(run, NullControl()).train()
    theirs, own = (LoadedCheckpoint(one, one.checkpoints[-1]).model for one in (parent, run))
    for (name, one), other in zip(theirs.named_parameters(), own.parameters(), strict=True):
        torch.testing.assert_close(other, one, atol=1e-9, rtol=0, msg=name)


def test_its_memory_is_that_of_the_models_own_tokens(parent, text) -> None:
    start = forks.point(parent)
    config = forks.settings(start, {**QUICK, **text})
    assert admission.letters(config) == 14  # of the text
    assert admission.letters(config, fork=start) == VOCABULARY
    assert admission.needed(config, "cpu", start) > admission.needed(config, "cpu")


def test_what_is_refused_says_what_is_accepted(store: RunStore, parent, tmp_path) -> None:
    with pytest.raises(RunError, match="a task of its own tokens; accepted in a fork of"):
        forks.fork(store, parent, changes={"data.corpus": "copy"})
    with pytest.raises(RunError, match=r"data\.tokenizer: bytes would cut .*: characters"):
        forks.fork(store, parent, changes={"data.tokenizer": "bytes", **QUICK})
    with pytest.raises(RunError, match=r"model\.width"):
        forks.fork(store, parent, changes={"model.width": 48, **QUICK})
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    encoder = adopt(store, str(saved(shaken(transformers.BertModel(config)), tmp_path / "bert")))
    with pytest.raises(RunError, match="an encoder without an output layer"):
        forks.point(encoder)


def test_a_damaged_model_is_not_forked(store: RunStore, parent) -> None:
    weights = parent.path / "checkpoints" / "step-000000000.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunError, match="checksum"):
        forks.point(parent)


def test_the_command_line_trains_it_further(store: RunStore, parent, text, capsys) -> None:
    at = ["--runs-dir", str(store.root)]
    asked = ["train", "--fork", parent.id, "--data.path", text["data.path"], "--steps", "3"]
    assert main([*asked, *at, "--training.device", "cpu"]) == 0
    made = store.list()[-1]
    assert (made.status, made.fork.run) == ("finished", parent.id)
    assert made.corpus["unit"] == "token"
