"""Perplexity, bits and accuracy against their definitions."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.anatomy import Silent
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.score import score
from core.runs import RunStore
from tests.subjects import asking, subject_of

TEXT = {"data__corpus": "python-reference"}


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store, steps=20)


def test_held_out_text(subject: LoadedCheckpoint) -> None:
    answer = score(subject, asking("score", {"text": "", "windows": 40}), Silent())
    found, arrays = answer.result, answer.arrays
    inputs, targets = subject.held_out(40)
    with torch.no_grad():
        logits = subject.model(inputs)
    nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    assert found["on"] == "held-out"
    assert found["predictions"] == 40 * 16
    assert found["nats"] == pytest.approx(nats, rel=1e-6)
    assert found["bits_per_character"] == pytest.approx(nats / math.log(2), rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    right = (logits.argmax(-1) == targets).double()
    assert found["accuracy"] == pytest.approx(right.mean().item())
    np.testing.assert_array_equal(arrays["position"], np.arange(1, 17))
    np.testing.assert_allclose(arrays["position_accuracy"], right.mean(0), rtol=1e-6)
    assert arrays["position_nats"].mean() == pytest.approx(nats, rel=1e-5)
    rows = F.cross_entropy(logits.mT, targets, reduction="none").double()  # (B, T)
    error = (rows.std(0) / math.sqrt(40)).numpy()
    np.testing.assert_allclose(arrays["position_error"], error, rtol=1e-4)
    whole = rows.mean(1)
    assert found["nats_error"] == pytest.approx((whole.std() / math.sqrt(40)).item(), rel=1e-4)


def test_a_network_that_says_nothing_has_the_alphabets_entropy(subject: LoadedCheckpoint) -> None:
    torch.nn.init.zeros_(subject.model.head.weight)
    found = score(subject, asking("score", {"text": "", "windows": 8}), Silent()).result
    assert found["perplexity"] == pytest.approx(subject.vocabulary, rel=1e-5)
    # Of equals the first is the likeliest, as argmax has it.
    _, targets = subject.held_out(8)
    assert found["accuracy"] == pytest.approx((targets == 0).double().mean().item())


def test_typed_text_is_predicted_once_from_the_second_character_on(
    subject: LoadedCheckpoint,
) -> None:
    text = "The value of the expression is the number of items."
    answer = score(subject, asking("score", {"text": text, "windows": 1}), Silent())
    found = answer.result
    tokens = found["tokens"]
    assert "".join(t["text"] for t in tokens) == text
    assert [tokens[0][k] for k in ("p", "nats", "rank")] == [None] * 3
    assert found["predictions"] == len(text) - 1
    assert found["windows"] == math.ceil((len(text) - 1) / 16)
    ids = torch.tensor(subject.encode(text))
    for place in (1, 16, 17, 33, len(text) - 1):
        start = (place - 1) // 16 * 16  # the window that it is predicted in
        log = subject.model(ids[start:place][None])[0, -1].log_softmax(0)
        assert tokens[place]["nats"] == pytest.approx(-log[ids[place]].item(), rel=1e-4)
        assert tokens[place]["p"] == pytest.approx(log[ids[place]].exp().item(), rel=1e-4)
        assert tokens[place]["rank"] == (log > log[ids[place]]).sum()
    assert found["nats"] == pytest.approx(np.mean([t["nats"] for t in tokens[1:]]))
    # The last window is shorter: late positions are means over fewer windows.
    assert np.isfinite(answer.arrays["position_nats"]).all()


def test_refusals(subject: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match="single character"):
        score(subject, asking("score", {"text": "a", "windows": 1}), Silent())
    with pytest.raises(ValueError, match="accepted: up to 100000"):
        score(subject, asking("score", {"text": "a" * 100_001, "windows": 1}), Silent())


def test_a_feed_forward_network_predicts_once_a_window(store: RunStore) -> None:
    subject = subject_of(store, model__family="mlp", model__heads=4, **TEXT)
    answer = score(subject, asking("score", {"text": "", "windows": 30}), Silent())
    inputs, targets = subject.held_out(30)
    nats = F.cross_entropy(subject.model(inputs), targets[:, -1]).item()
    assert answer.result["nats"] == pytest.approx(nats, rel=1e-5)
    assert answer.result["predictions"] == 30
    assert answer.arrays["position"].tolist() == [1]
    typed = score(subject, asking("score", {"text": "The value", "windows": 1}), Silent()).result
    assert typed["predictions"] == 8
