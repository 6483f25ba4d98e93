"""What is noticed in pictures that Python draws, from constructed data; each label has a term."""

from typing import Any

import numpy as np
import pytest

from core.config import ModelConfig
from core.config.units import UNITS
from core.evidence import CLAIMS, kept
from core.glossary import called
from core.language import speaking
from dashboard.notice import landscape, pages, parts, streams
from dashboard.notice.notice import NOTHING, Notice, number

PLACES = ["embed", "blocks.0.resid_post", "blocks.1.resid_post", "final_norm.out"]


def stream(**values: Any) -> list[tuple[str, int, dict[str, Any]]]:
    return [("A", 0, {"places": PLACES, **values})]


def said(notice: Notice) -> str:
    return " ".join(notice.told()["now"])


def test_a_stream_grows_keeps_its_size_or_shrinks():
    assert said(streams.rms(stream(rms=[1, 2, 4, 1]))) == (
        "A: the stream grows 4 times, from 1 to 4."
    )
    assert "keeps its size" in said(streams.rms(stream(rms=[1, 9, 1.1, 1])))
    assert "shrinks from 1 to 0.1" in said(streams.rms(stream(rms=[1, 1, 0.1, 1])))
    assert said(streams.rms(stream(rms=[1, 2, None, 1]))) == "A: some of it is not finite."


def test_skip_and_branch_are_compared_at_both_ends():
    both = {"skip_rms": [1.0, 4.0], "branch_rms": [1.0, 1.0]}
    assert "1 times the skip at the first Add and 0.25" in said(streams.branch(stream(**both)))
    none = said(streams.branch(stream(skip_rms=[], branch_rms=[])))
    assert none == "A has no Add: nothing passes a sublayer by."
    zero = {"skip_rms": [0.0, 1.0], "branch_rms": [1.0, 1.0]}
    assert "not finite" in said(streams.branch(stream(**zero)))


def test_the_block_that_turns_the_stream_most():
    assert "block 2 turns it most (0.4), block 1 least (0.1)" in said(
        streams.angle(stream(angle=[0.1, 0.4]))
    )
    assert said(streams.angle(stream(angle=[None, None]))) == str(NOTHING)


def test_similarity_and_rank_go_from_the_embedding_to_the_end():
    text = said(streams.similarity(stream(similarity=[0.1, 0.9, 0.5, 0.7])))
    assert text == ("A: from 0.1 at the embedding to 0.5 at the end; highest, 0.9, after layer 1.")
    most = streams.rank(stream(effective_rank=[30, 20, 10, 9]), 64)
    assert "at most 64" in most.axes
    assert "from 30 at the embedding to 10" in said(most)


def test_what_stands_out_is_only_said_where_it_was_seen():
    def of(massive: bool, sinks: bool) -> str:
        return said(streams.outliers(stream(massive={"seen": massive}, sinks={"seen": sinks})))

    assert of(False, False) == "A: neither is seen here."
    assert "massive activations are seen" in of(True, False)
    assert "attention sinks are seen" in of(False, True)
    assert of(True, True) == "A: both are seen."
    assert said(streams.outliers(stream())) == "A: neither is seen here."


def test_a_massive_activation_is_told_with_where_it_is():
    one = {
        "place": "blocks.1.resid_post", "token": 0, "feature": 507, "value": -25364.0,
        "times_median": 12345.6,
    }  # fmt: skip
    found = {"massive": {"seen": True, "found": [one]}, "largest": [1.0, 2, 25364, 3]}
    assert said(streams.largest(stream(**found))) == (
        "A: -25,364 in dimension 507 of token 0, after layer 2: 12,346 times the median."
    )
    none = {"massive": {"seen": False, "found": []}, "largest": [1.0, 2, 4, 3]}
    assert "at most 4, after layer 2. None of it is massive." in said(
        streams.largest(stream(**none))
    )


def test_layers_against_layers():
    matrix = [[1, 0.9, 0.2], [0.9, 1, 0.5], [0.2, 0.5, 1]]
    within = said(streams.cka({"matrix": matrix}, False))
    assert within == "First and last place are 0.2 alike. Neighbours are at least 0.5 alike."
    assert "Equal places are 1 alike" in said(streams.cka({"matrix": matrix}, True))
    assert said(streams.cka({"matrix": [[None]]}, False)) == str(NOTHING)


def test_the_head_that_looks_at_the_first_token_most():
    found = {"uniform": 0.05, "found": [1], "threshold": 0.3}
    text = said(streams.sinks([[0.1, 0.6], [0.2, 0.1]], found))
    assert text.startswith("Most looks layer 1, head 2: 0.6 of its attention. Even attention gives")
    assert text.endswith("1 head reaches 0.3.")


def row(group: str, layer: int, delta: float | None, head: int | None = None) -> dict[str, Any]:
    return {"group": group, "layer": layer, "head": head, "delta": delta, "error": 0.01}


def test_parts_are_named_as_people_count_and_what_is_unclear_is_not_counted():
    rows = [row("head", 1, 0.5, 2), row("block", 0, 0.015), row("swap", 0, -0.2),
            row("attention", 1, None)]  # fmt: skip
    text = said(parts.lesion({"rows": rows, "complete": False}))
    assert "Dearest is head 3 of layer 2: +0.500 nats." in text
    assert "Of 3 parts 2 change the loss" in text
    assert "Without layers 1 and 2 in each other's place it does better." in text
    assert "1 loss is not finite." in text
    assert text.endswith("some parts have not been tried.")
    nothing = {"rows": [row("block", 0, None)], "complete": True}
    assert said(parts.lesion(nothing)) == "1 loss is not finite."


def test_paths_of_gradient_and_logit():
    result = {"lengths": [0, 1, 2], "share": [0.2, 0.5, 0.3], "mean_length": 1.1,
              "sources": ["embed", "blocks.0.attn"], "logit_share": [0.25, 0.75]}  # fmt: skip
    measured = [("A", 0, result)]
    assert "passes 1.1 of 2 branches; most of it comes by paths of 1." in said(
        parts.gradient_paths(measured)
    )
    assert said(parts.logit_paths(measured)) == "A: most, 75%, comes from attention 1."
    broken = [("A", 0, {**result, "share": [None] * 3, "logit_share": [None, None]})]
    assert said(parts.gradient_paths(broken)) == said(parts.logit_paths(broken)) == str(NOTHING)


def test_a_network_that_stops_early_and_one_that_sees_more():
    text = said(parts.stopped_early([("A", [4.0, 3.0, 3.1])], 3.3))
    assert text == (
        "A: from 4.000 nats at the embedding to 3.100 at the end; 1 of 2 rows lower it."
        " That is 0.2 nats below letter frequencies."
    )
    assert "not finite" in said(parts.stopped_early([("A", [4.0, None])], None))
    seen = said(parts.by_position([("A", [3.3, 2.4])], 2.0))
    assert "3.30 nats at the first of 2 places, 2.40 at the last" in seen
    assert "0.4 nats above letter frequencies" in seen
    assert said(parts.by_position([("A", [float("nan")])], 2.0)) == str(NOTHING)


def test_scores_are_read_beside_frequencies_and_continuations_beside_chance():
    result = {"nats": 2.0, "perplexity": 7.389, "accuracy": 0.4, "unigram": 3.3}
    assert said(parts.scored([("A", result)])) == (
        "A: perplexity 7.39, it hesitates between about so many letters; the likeliest one is right"
        " in 40% of the places. That is 1.3 nats below letter frequencies."
    )
    assert "not finite" in said(parts.scored([("A", {**result, "nats": None})]))
    text = {"bleu": 3.0, "chance": {"bleu": 1.0}}
    assert "more than the 1.00" in said(parts.continued([("A", text)]))
    assert "no more than the 1.00" in said(parts.continued([("A", {**text, "bleu": 1.0})]))


def test_landscapes():
    run = {"name": "A", "centre": 2.0, "loss": [3.0, 2.0, None]}
    assert said(landscape.line([run])) == (
        "A: 2 nats at its checkpoint; on the line from 2 to 3. 1 point is not finite."
    )
    assert "no loss on it is finite" in said(landscape.line([{**run, "loss": [None]}]))
    flat = said(landscape.plane({"name": "A", "centre": 2.0, "loss": [[1.0, 2.0], [3.0, 4.0]]}))
    assert "2 nats in the middle, 2.5 at the median, 4 at most" in flat
    assert "25% of the plane lies lower" in flat
    path = {"path_loss": [4.0, 2.0], "explained": [0.7, 0.2], "steps": [0, 1200]}
    assert said(landscape.trail("A", path)) == (
        "A: from 4 nats at step 0 to 2 at step 1,200. The two directions hold 90% of the way that"
        " was gone."
    )
    assert said(landscape.trail("A", {**path, "path_loss": [None, 2.0]})).startswith("The two")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_that_was_measured_says_what_its_picture_shows(claim: Any):
    record = kept.shipped(claim)
    if record is None:
        pytest.skip("not measured yet")
    told = pages.claim(claim, record).told()
    first = claim.quantities[0]
    value = record.value(first.name)
    assert value is not None
    lies = "inside the band" if value.inside else "outside of it"
    assert told["now"][0].endswith(f"expected {first.expected}; that is {lies}.")
    theory = any(line.kind == "theory" for line in record.series)
    assert ("dashed line" in told["axes"]) == theory
    assert [label for label in told["terms"] if called(label) is None] == []


def test_a_block_says_how_often_it_stands_there_and_what_passes():
    text = said(pages.block(ModelConfig(depth=6)))
    assert "stands there 6 times" in text
    assert "× 6" in text
    off = said(pages.block(ModelConfig(depth=1, residual="off", placement="post")))
    assert "There is 1 of it." in off
    assert "No way leads past a sublayer" in off
    assert "Only one of the two" in said(pages.block(ModelConfig(residual="attention")))


def test_verdicts_are_counted():
    assert said(pages.outcomes(["learned", "plateau", "learned"])) == (
        "2 of 3: learned. 1 of 3: on the plateau."
    )
    assert "No run is drawn" in said(pages.outcomes([]))


def test_labels_of_notices_lead_to_terms_and_nothing_is_left_unsaid():
    every = [
        streams.rms(stream(rms=[None] * 4)), streams.branch(stream(skip_rms=[], branch_rms=[])),
        streams.angle(stream(angle=[None])), streams.similarity(stream(similarity=[None] * 4)),
        streams.rank(stream(effective_rank=[None] * 4), 1), streams.outliers(stream()),
        streams.cka({"matrix": np.full((1, 1), np.nan)}, True),
        streams.sinks([[np.nan]], {"uniform": 0.1, "found": [], "threshold": 0.3}),
        parts.lesion({"rows": [], "complete": True}), parts.gradient_paths([]),
        parts.logit_paths([]), parts.stopped_early([], None), parts.by_position([], None),
        parts.scored([]), parts.continued([]),
        landscape.line([]), landscape.plane({"name": "A", "centre": 1.0, "loss": [[None]]}),
        landscape.trail("A", {"path_loss": [None], "explained": [0.5, 0.1], "steps": [0]}),
        pages.block(ModelConfig()), pages.outcomes([]),
    ]  # fmt: skip
    for notice in every:
        told = notice.told()
        assert [label for label in told["terms"] if called(label) is None] == []
        assert told["axes"].endswith(".")
        assert all(sentence.endswith(".") for sentence in told["now"])
        assert told["now"]
        assert "{" not in told["axes"] + told["theory"] + "".join(told["now"])


def test_a_notice_is_told_in_the_readers_language():
    notice = pages.outcomes(["learned"])
    with speaking("zh"):
        assert notice.told()["axes"] != str(notice.axes)


def test_numbers_have_three_figures():
    assert [number(v) for v in (0.12345, 12.3456, 1234.5, 0.0, 1e9)] == [
        "0.123", "12.3", "1,230", "0", "1e+09",
    ]  # fmt: skip
    assert number(float("inf")) == "NaN"


def test_words_of_tokens_that_are_no_letters() -> None:
    unit = UNITS["subword"]
    answers = [("A", {"nats": 3.0, "perplexity": 20.1, "accuracy": 0.3, "unigram": 5.0})]
    texts = [
        said(parts.stopped_early([("A", [4.0, 3.0])], 5.0, unit)),
        said(parts.by_position([("A", [4.0, 3.0])], 5.0, unit)),
        said(parts.scored(answers, unit)),
    ]
    for text in texts:
        assert "2 nats below token frequencies" in text
        assert "letter" not in text
    assert "below letter frequencies" in said(parts.scored(answers))
