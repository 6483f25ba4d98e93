"""Every analysis of a run on a synthetic task, whose alphabet has no line break and no words."""

import pytest

from core.anatomy import KINDS, Silent, load
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.data.batches import EVALUATION_TOKENS
from core.heads.scores import period_of
from core.runs import RunStore
from tests.subjects import subject_of

SMALL = {"length": 8, "prompt_length": 12, "windows": 2, "points": 5, "prompts": 3}


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store, 6, data__corpus="repeat", training__checkpoint_every=2)


@pytest.fixture
def sums(store: RunStore) -> LoadedCheckpoint:
    """Of its predictions only the answers count."""
    return subject_of(store, 6, data__corpus="addition", training__checkpoint_every=2)


# Of masked tokens only a pretrained encoder is asked: test_masked.py.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].needs_masked])
@pytest.mark.parametrize("task", ["subject", "sums"])
def test_it_is_answered(task: str, kind: str, request: pytest.FixtureRequest) -> None:
    subject = request.getfixturevalue(task)
    asked = {k: v for k, v in SMALL.items() if k in KINDS[kind].parameters.model_fields}
    parameters = KINDS[kind].check(kind, asked, subject.wiring)
    assert load(KINDS[kind].function)(subject, parameters, Silent()).result


def test_held_out_windows_are_whole_sequences(subject: LoadedCheckpoint) -> None:
    inputs, targets = subject.held_out(5)
    for ids in inputs.tolist():
        assert 4 <= (period_of(ids) or 0) <= 8
    assert inputs[:, 1:].tolist() == targets[:, :-1].tolist()


def test_every_loss_is_of_the_answers_alone(sums: LoadedCheckpoint) -> None:
    loss = sums.run.series("loss/validation")[1][-1]
    windows = EVALUATION_TOKENS // sums.context  # as an evaluation reads
    found = {}
    for kind in ("score", "lens", "operate"):
        whole = KINDS[kind].check(kind, {"windows": windows}, sums.wiring)
        found[kind] = load(KINDS[kind].function)(sums, whole, Silent())
    score = found["score"].result
    assert score["nats"] == pytest.approx(loss, rel=1e-5)
    assert score["predictions"] == 3 * score["windows"]
    assert found["score"].arrays["position"].tolist() == [4, 10, 16]
    assert found["lens"].result["model_loss"] == pytest.approx(loss, rel=1e-5)
    assert found["lens"].result["loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert found["operate"].result["before"]["nats"] == pytest.approx(loss, rel=1e-5)


def test_prompt_and_continuation_are_of_one_sequence(subject: LoadedCheckpoint) -> None:
    kind = KINDS["continuations"]
    asked = {"length": 8, "prompt_length": 12, "prompts": 3, "examples": 3}
    result = load(kind.function)(
        subject, kind.check("continuations", asked, subject.wiring), Silent()
    ).result
    for example in result["examples"]:
        whole = [ord(c) for c in example["prompt"] + example["held_out"]]
        assert len(whole) == 20
        assert 5 <= (period_of(whole) or 0) <= 10
