"""What the Attention page says of a head: of the moment and the run that are drawn."""

from tests.javascript import evaluate

SCORES = {"entropy": [[1.0]], "previous": [[0.5]], "first": [[0.1]]}
OTHERS = {"entropy": [[1.5]], "previous": [[0.2]], "first": [[0.4]]}


def summary(**own):
    view = {"layer": 0, "index": 0, "tokens": [1, 2], "causal": True, "others": None, **own}
    made = "Object.assign(Object.create(HeadLarge.prototype), view)"
    return evaluate(f"return HeadLarge.prototype.summary.call({made})", view=view)


def test_a_score_of_another_moment_is_not_among_those_of_the_map():
    picture = {"step": 480, "steps": [480]}
    said = summary(picture=picture, signed=False, scores={**SCORES, "induced": 458})
    assert said.startswith("step 480: mostly previous token")
    assert said.endswith("induction is measured at checkpoints, the nearest is step 458")
    said = summary(picture=picture, signed=False, scores={**SCORES, "induction": [[0.9]]})
    assert said.endswith("induction .90")


def test_a_difference_says_both_and_how_they_differ():
    picture = {"step": 480, "steps": [480, 440]}
    said = summary(picture=picture, signed=True, scores=SCORES, others=OTHERS).split("\n")
    assert said[0].startswith("A, step 480: mostly previous token · entropy 1.00")
    assert said[1].startswith("B, step 440: mostly first token · entropy 1.50")
    assert said[2] == "A − B: entropy −.50 · previous +.30 · first −.30"
