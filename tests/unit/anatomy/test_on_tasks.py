"""Every analysis of a run on a synthetic task, whose alphabet has no line break and no words."""

import pytest

from core.anatomy import KINDS, Silent, load
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.heads.scores import period_of
from core.runs import RunStore
from tests.subjects import subject_of

SMALL = {"length": 8, "prompt_length": 12, "windows": 2, "points": 5, "prompts": 3}


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store, 6, data__corpus="repeat", training__checkpoint_every=2)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_answered(subject: LoadedCheckpoint, kind: str) -> None:
    asked = {k: v for k, v in SMALL.items() if k in KINDS[kind].parameters.model_fields}
    parameters = KINDS[kind].check(kind, asked, subject.wiring)
    assert load(KINDS[kind].function)(subject, parameters, Silent()).result


def test_held_out_windows_are_whole_sequences(subject: LoadedCheckpoint) -> None:
    inputs, targets = subject.held_out(5)
    for ids in inputs.tolist():
        assert 4 <= (period_of(ids) or 0) <= 8
    assert inputs[:, 1:].tolist() == targets[:, :-1].tolist()


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
