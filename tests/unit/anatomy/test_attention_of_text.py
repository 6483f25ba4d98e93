"""Attention of a typed text against the trace."""

import numpy as np
import pytest
import torch

from core.anatomy import Silent
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.text_attention import attention
from core.config import Switch
from core.files import write_json
from core.runs import RunStore
from tests.subjects import asking, subject_of, trained


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store)


def test_the_pattern_of_a_text(subject: LoadedCheckpoint) -> None:
    answer = attention(subject, asking("attention", {"text": "in the value"}), Silent())
    found, pattern = answer.result, answer.arrays["pattern"]
    assert "".join(found["tokens"]) == "in the value"
    assert (pattern.dtype, pattern.shape) == (np.float16, (2, 2, 12, 12))
    trace = subject.model.trace(torch.tensor([found["ids"]]))
    for layer in range(2):
        expected = trace[f"blocks.{layer}.attn.pattern"][0].detach().to(torch.float16)
        np.testing.assert_array_equal(pattern[layer], expected.numpy())
    np.testing.assert_allclose(pattern.astype(np.float64).sum(-1), 1, atol=5e-3)
    assert np.triu(pattern.astype(np.float64), 1).max() == 0
    assert found["causal"]


def test_without_a_text_it_is_the_runs_own_probe(subject: LoadedCheckpoint) -> None:
    found = attention(subject, asking("attention", {"text": ""}), Silent()).result
    assert found["text"] == subject.run.corpus["probe_text"]
    assert found["ids"] == subject.run.corpus["probe_tokens"]


def test_refusals_say_what_to_do(subject: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match="this model sees 16 at once"):
        attention(subject, asking("attention", {"text": "e" * 17}), Silent())
    with pytest.raises(ValueError, match=r"text: the run's alphabet of .* lacks '雪'; leave them"):
        attention(subject, asking("attention", {"text": "雪"}), Silent())


def test_a_checkpoint_after_a_switch_is_wired_as_it_was_then(store: RunStore) -> None:
    switch = Switch(step=2, layers="1", placement="post")
    run = trained(
        store, steps=4, training__checkpoint_every=1, training__switches=[switch.model_dump()]
    )
    assert run.checkpoints == [1, 2, 3, 4]
    before, after = LoadedCheckpoint(run, 2), LoadedCheckpoint(run, 3)
    assert before.wiring.at(1).placement == "pre"
    assert after.wiring.at(1).placement == "post"
    assert isinstance(before.model.blocks[1].attn.post, torch.nn.Identity)
    assert isinstance(after.model.blocks[1].attn.post, torch.nn.LayerNorm)


def test_another_corpus_is_not_taken_for_the_runs_own(subject: LoadedCheckpoint) -> None:
    write_json(subject.run.path / "corpus.json", {**subject.run.corpus, "sha256": "0" * 64})
    with pytest.raises(ValueError, match="bring the same data"):
        subject.held_out(2)
