"""What the Attention page says of a head: of the moment and the run that are drawn."""

from tests.javascript import evaluate

REST = {"previous": [[0.5]], "entropy": [[0.9]], "even": 3.0}
SCORES = {"entropy": [[1.0]], "previous": [[0.45]], "first": [[0.1]], "rest": REST}
OTHERS = {
    "entropy": [[1.5]],
    "previous": [[0.12]],
    "first": [[0.4]],
    "rest": {**REST, "previous": [[0.2]]},
}


def summary(**own):
    view = {"layer": 0, "index": 0, "tokens": [1, 2], "causal": True, "others": None, **own}
    made = "Object.assign(Object.create(HeadLarge.prototype), view)"
    return evaluate(f"return HeadLarge.prototype.summary.call({made})", view=view)


def test_a_score_of_another_moment_is_not_among_those_of_the_map():
    picture = {"step": 480, "steps": [480]}
    said = summary(picture=picture, signed=False, scores={**SCORES, "induced": 458})
    assert said.startswith("step 480: mostly previous token")
    assert said.endswith("induction is measured at checkpoints, the nearest is step 458")
    induced = {**SCORES, "rest": {**REST, "induction": [[0.9]]}}
    said = summary(picture=picture, signed=False, scores=induced)
    assert said.endswith("induction .90")


def test_a_difference_says_both_and_how_they_differ():
    picture = {"step": 480, "steps": [480, 440]}
    said = summary(picture=picture, signed=True, scores=SCORES, others=OTHERS).split("\n")
    assert said[0].startswith("A, step 480: mostly previous token · entropy 1.00")
    assert said[1].startswith("B, step 440: beside the first token mixed · entropy 1.50")
    assert said[2] == "A − B: entropy −.50 · previous +.30 · first −.30"
