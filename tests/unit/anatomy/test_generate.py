"""Text from a checkpoint: what is drawn, what is said of it, what is refused."""

import math

import pytest
import torch
from torch import Tensor, nn

from core.anatomy import Answer, Silent
from core.anatomy.generate import generate
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.models.sampling import draw, sample
from core.runs import RunStore
from tests.subjects import asking, subject_of

TEXT = {"data__corpus": "python-reference"}

ASKED = {
    "prompt": "The ",
    "length": 12,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "seed": 3,
}


class Heard(Silent):
    """Keeps what is streamed."""

    def __init__(self) -> None:
        self.items: list[dict[str, object]] = []

    def emit(self, item: dict[str, object]) -> None:
        self.items.append(item)


class Table(nn.Module):
    """A network whose next-token logits are a fixed row; remembers what it was shown."""

    def __init__(self, shares: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(shares).log())
        self.seen: list[list[int]] = []

    def forward(self, tokens: Tensor) -> Tensor:
        self.seen.append(tokens[0].tolist())
        return self.logits.expand(*tokens.shape, -1)


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store)


def written(subject: LoadedCheckpoint, **changes: object) -> Answer:
    return generate(subject, asking("generate", {**ASKED, **changes}), Silent())


def test_a_seed_gives_a_text_and_another_another(subject: LoadedCheckpoint) -> None:
    first = written(subject).result
    assert written(subject).result == first
    assert written(subject, seed=4).result["text"] != first["text"]
    assert len(first["text"]) == 12
    assert first["ended"] == "length"


def test_each_token_is_streamed_with_its_probability_and_alternatives(
    subject: LoadedCheckpoint,
) -> None:
    heard = Heard()
    found = generate(subject, asking("generate", {**ASKED, "temperature": 2.0}), heard).result
    assert heard.items == found["tokens"]
    assert "".join(str(item["text"]) for item in heard.items) == found["text"]
    ids = subject.encode("The " + found["text"])
    logits = subject.model(torch.tensor([ids[: subject.context]]))[0].double()
    for place, token in list(enumerate(found["tokens"], 4))[: subject.context - 4]:
        p = logits[place - 1].softmax(0)  # whatever the temperature
        assert token["p"] == pytest.approx(p[ids[place]].item(), rel=1e-4)
        assert token["entropy"] == pytest.approx(-(p * p.log()).sum().item(), rel=1e-4)
        best = p.topk(5)
        assert [t for t, _ in token["alternatives"]] == [
            subject.tokenizer.alphabet[i] for i in best.indices
        ]
        assert [q for _, q in token["alternatives"]] == pytest.approx(best.values.tolist(), 1e-4)
    nats = -sum(math.log(t["p"]) for t in found["tokens"]) / 12
    assert found["nats"] == pytest.approx(nats)


@pytest.mark.parametrize("greedy", [{"temperature": 0.0}, {"top_k": 1}, {"top_p": 0.0}])
def test_three_ways_to_take_the_likeliest(
    subject: LoadedCheckpoint, greedy: dict[str, object]
) -> None:
    for token in written(subject, **greedy).result["tokens"]:
        assert token["text"] == token["alternatives"][0][0]


def drawn_from(shares: list[float], **how: object) -> set[int]:
    return set(sample(Table(shares), [0], 300, context=4, temperature=1.0, **how))


def test_the_nucleus_is_the_fewest_that_sum_to_p() -> None:
    shares = [0.1, 0.4, 0.3, 0.2]
    assert drawn_from(shares) == {0, 1, 2, 3}
    assert drawn_from(shares, top_p=0.39) == {1}
    assert drawn_from(shares, top_p=0.5) == {1, 2}
    assert drawn_from(shares, top_p=0.85) == {1, 2, 3}
    assert drawn_from(shares, top_k=2) == {1, 2}
    assert drawn_from(shares, top_k=2, top_p=0.5) == {1}  # 0.4 / 0.7 is more than a half


def test_shares_and_temperature() -> None:
    draws = list(sample(Table([0.2, 0.8]), [0], 4000, context=4, temperature=1.0))
    assert sum(draws) / 4000 == pytest.approx(0.8, abs=0.03)  # four standard errors are 0.025
    hot = list(sample(Table([0.2, 0.8]), [0], 4000, context=4, temperature=1e6))
    assert sum(hot) / 4000 == pytest.approx(0.5, abs=0.035)
    cold = list(sample(Table([0.2, 0.8]), [0], 50, context=4, temperature=1e-30))
    assert set(cold) == {1}


def test_a_prompt_that_is_longer_than_the_context_slides() -> None:
    table = Table([0.5, 0.5])
    tokens = list(sample(table, [0, 1, 1, 0, 1], 3, context=3))
    ids = [0, 1, 1, 0, 1, *tokens]
    assert table.seen == [ids[2:5], ids[3:6], ids[4:7]]


def test_the_mode_is_put_back_and_non_finite_logits_end_the_text(subject: LoadedCheckpoint) -> None:
    table = Table([0.5, 0.5]).train()
    next(draw(table, [0], 1, context=2))
    assert table.training
    broken = Table([0.5, math.nan])
    assert list(draw(broken, [0], 3, context=2)) == []
    subject.model.head.weight.data.fill_(torch.nan)
    found = written(subject).result
    assert (found["text"], found["nats"], found["ended"]) == ("", None, "not finite")


def test_unknown_characters_are_named(subject: LoadedCheckpoint) -> None:
    with pytest.raises(ValueError, match=r"prompt: the run's alphabet of .* lacks 'Ж' '雪'; leave"):
        written(subject, prompt="Snow: 雪 Ж 雪")
    with pytest.raises(ValueError, match="prompt is empty"):
        written(subject, prompt="")


def test_a_feed_forward_network_writes_too(store: RunStore) -> None:
    subject = subject_of(store, model__family="mlp", model__heads=4, **TEXT)
    assert len(written(subject, prompt="A").result["text"]) == 12
