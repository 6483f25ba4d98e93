"""The logit lens against the network itself."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.anatomy import Silent
from core.anatomy.lens import Lens, lens
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, token_losses
from core.config import PLACEMENTS
from core.runs import RunStore
from tests.subjects import asking, subject_of

ASKED = {"text": "", "top": 4, "middle": False, "windows": 6}


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_last_row_is_the_networks_own_loss(store: RunStore, placement: str) -> None:
    norm = "none" if placement == "none" else "layer"
    subject = subject_of(store, steps=3, model__placement=placement, model__norm=norm)
    subject.model.double()
    found = lens(subject, asking("lens", ASKED), Silent()).result
    losses = token_losses(subject.model, *subject.held_out(6))
    assert found["loss"][-1] == pytest.approx(losses.mean().item(), abs=1e-12)
    assert found["model_loss"] == pytest.approx(losses.mean().item(), abs=1e-12)
    tokens = torch.tensor([found["ids"]])
    rows = Lens(subject, middle=False).read(tokens)
    assert torch.equal(rows["blocks.1.resid_post"], subject.model.trace(tokens)["logits"])


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store, steps=20)


def test_every_row_is_what_the_head_makes_of_the_stream(subject: LoadedCheckpoint) -> None:
    text = "def value: the"
    answer = lens(subject, asking("lens", {**ASKED, "text": text, "middle": True}), Silent())
    found, arrays = answer.result, answer.arrays
    assert found["rows"] == [
        "embed",
        "blocks.0.resid_mid",
        "blocks.0.resid_post",
        "blocks.1.resid_mid",
        "blocks.1.resid_post",
    ]
    assert found["labels"][:3] == ["embedding", "layer 0 attention", "layer 0"]
    assert "".join(found["tokens"]) == text
    ids = torch.tensor(subject.encode(text))
    with torch.no_grad():
        trace = subject.model.trace(ids[None])
        output = trace["logits"][0].double().log_softmax(-1)
        for i, name in enumerate(found["rows"]):
            logits = subject.model.head(subject.model.final_norm(trace[name]))[0].double()
            log = logits.log_softmax(-1)
            best = log.exp().topk(4)
            np.testing.assert_array_equal(arrays["top_ids"][i], best.indices)
            np.testing.assert_allclose(arrays["top_p"][i], best.values, rtol=1e-5)
            right = log[range(len(ids) - 1), ids[1:]]
            np.testing.assert_allclose(arrays["right_p"][i, :-1], right.exp(), rtol=1e-5)
            rank = (log[:-1] > right[:, None]).sum(-1)
            np.testing.assert_array_equal(arrays["right_rank"][i, :-1], rank)
            entropy = torch.distributions.Categorical(logits=logits).entropy()
            np.testing.assert_allclose(arrays["entropy"][i], entropy, rtol=1e-5)
            kl = F.kl_div(log, output, log_target=True, reduction="none").sum(-1)
            np.testing.assert_allclose(arrays["kl"][i], kl, rtol=1e-4, atol=1e-7)
    assert np.isnan(arrays["right_p"][:, -1]).all()
    assert (arrays["right_rank"][:, -1] == -1).all()
    assert np.abs(arrays["kl"][-1]).max() == 0
    assert arrays["kl"][0].min() > 0


def test_the_loss_of_each_row(subject: LoadedCheckpoint) -> None:
    found = lens(subject, asking("lens", ASKED), Silent()).result
    inputs, targets = subject.held_out(6)
    for logits, loss, error in zip(
        Lens(subject, False).read(inputs).values(), found["loss"], found["loss_error"], strict=True
    ):
        rows = F.cross_entropy(logits.mT, targets, reduction="none").double().mean(1)
        assert loss == pytest.approx(rows.mean().item(), rel=1e-6)
        assert error == pytest.approx((rows.std() / math.sqrt(6)).item(), rel=1e-4)
    assert found["loss"][0] > found["loss"][-1]
    assert found["windows"] == 6


def test_a_text_that_is_too_long_is_refused(subject: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match="text has 17 characters; this model sees 16 at once"):
        lens(subject, asking("lens", {**ASKED, "text": "e" * 17}), Silent())


def test_one_character_has_no_right_answer(subject: LoadedCheckpoint) -> None:
    arrays = lens(subject, asking("lens", {**ASKED, "text": "e"}), Silent()).arrays
    assert arrays["top_p"].shape == (3, 1, 4)
    assert np.isnan(arrays["right_p"]).all()
