"""BLEU and ROUGE against texts whose score is known."""

import pytest

from core.anatomy import Silent
from core.anatomy.continuations import Judge, continuations
from core.runs import RunStore
from tests.subjects import asking, subject_of

ASKED = {
    "prompts": 3,
    "prompt_length": 10,
    "length": 24,
    "examples": 2,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "seed": 1,
}


def test_the_judge_knows_a_text_from_another() -> None:
    judge = Judge()
    text = ["the cat sat on the mat", "a dog ran in the park today"]
    assert judge.corpus(text, text).score == pytest.approx(100)
    assert judge.rouge(text, text) == {"rouge1": 1.0, "rouge2": 1.0, "rougeL": 1.0}
    other = ["one two three four five six", "seven eight nine ten eleven twelve"]
    assert judge.corpus(other, text).score == 0
    assert judge.rouge(other, text)["rouge1"] == 0
    # Four words, three of them right and in order: F = 3/4 of each, 2 of 3 pairs.
    near = judge.rouge(["one two three nine"], ["one two three four"])
    assert near == pytest.approx({"rouge1": 0.75, "rouge2": 2 / 3, "rougeL": 0.75})
    # Precisions 5/6, 4/5, 3/4, 2/3 and no brevity: their geometric mean.
    near_bleu = judge.corpus(["the cat sat on the hat"], [text[0]]).score
    assert near_bleu == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert "tok:13a" in judge.signature


def test_continuations_of_held_out_places(store: RunStore) -> None:
    subject = subject_of(store)
    found = continuations(subject, asking("continuations", ASKED), Silent()).result
    part = subject.tokenizer.decode(subject.text.validation.tolist())
    assert found["prompts"] == 3
    assert len(found["examples"]) == 2
    for example in found["examples"]:
        assert example["prompt"] + example["held_out"] in part
        assert len(example["prompt"]), len(example["written"]) == (10, 24)
    assert part.startswith(found["examples"][0]["prompt"])
    assert 0 <= found["bleu"] <= 100
    assert set(found["rouge"]) == set(found["chance"]["rouge"]) == {"rouge1", "rouge2", "rougeL"}
    assert continuations(subject, asking("continuations", ASKED), Silent()).result == found


def test_more_than_there_is_is_refused(store: RunStore) -> None:
    subject = subject_of(store)
    with pytest.raises(ValueError, match=r"prompt_length and length: 10 \+ 100000000 are more"):
        continuations(subject, asking("continuations", {**ASKED, "length": 100_000_000}), Silent())
