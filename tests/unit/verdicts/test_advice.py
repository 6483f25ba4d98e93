"""After a run: what to look at and what to try, true to the run's own numbers."""

from __future__ import annotations

from typing import Any

import pytest

from core.catalogue.summary import summary_of
from core.config import RunConfig
from core.config.alike import experiment_key
from core.config.fork_point import ForkPoint
from core.config.units import unit
from core.runs import RunStore
from core.verdicts.advice import Suggestion, next_steps
from core.verdicts.labels import KINDS
from core.verdicts.measured import Measured, measure
from core.verdicts.verdict import Verdict
from tests.fake_runs import finished

DEEP = (3.2e-7, 1e-4, 1.1e-2)


def config(**flat: Any) -> RunConfig:
    return RunConfig.from_flat({k.replace("__", "."): v for k, v in flat.items()})


def judged(kind: str, gap: float | None = None, error: float | None = 0.001) -> Verdict:
    return Verdict(kind, None, 3.3, "", gap, error)  # type: ignore[arg-type]


def measured(state: str = "finished", step: int = 600, **others: Any) -> Measured:
    return Measured(state, step, unit("character"), **others)  # type: ignore[arg-type]


def tried(found: list[Suggestion]) -> list[dict[str, Any]]:
    return [dict(one.changes) for one in found if one.action == "twin"]


def said(found: list[Suggestion]) -> str:
    return " ".join(one.sentence for one in found)


CASES: list[tuple[str, Verdict, RunConfig, Measured, str, list[dict[str, Any]]]] = [
    (
        "a dead post-LN",
        judged("plateau", 0.002),
        config(model__placement="post", model__depth=3),
        measured(gradients=DEEP, at=599),
        "At step 599 the gradient norm of layer 1 (3.2e-07) is about 34,000 times smaller than that"
        " of layer 3 (1.1e-02).",
        [{"model.placement": "pre"}, {"optimizer.warmup_steps": 200}],
    ),
    (
        "a dead post-LN that had a warm-up",
        judged("plateau", 0.002),
        config(model__placement="post", optimizer__warmup_steps=50),
        measured(),
        "placement is post",
        [
            {"model.placement": "pre"},
            {"optimizer.learning_rate": 0.0005},
            {"model.init": "gpt2"},
        ],
    ),
    (
        "a dead network without residual connections",
        judged("above", 0.2),
        config(model__residual="off"),
        measured(gradients=(0.02, 0.02), at=5),
        "layer 1 (2.0e-02) is about that of layer 2",
        [{"model.residual": "on"}, {"optimizer.warmup_steps": 200}],
    ),
    (
        "one that learned",
        judged("learned", -0.934),
        config(),
        measured(),
        "Its loss ends 0.93 nats below letter frequencies",
        [{"model.residual": "off"}, {"model.placement": "post"}],
    ),
    (
        "one that learned a little",
        judged("learned", -0.05),
        config(),
        measured(),
        "0.05 nats below letter frequencies",
        [{"training.steps": 1200}, {"model.residual": "off"}],
    ),
    (
        "one that diverged without a norm",
        judged("diverged"),
        config(model__placement="none", model__norm="none", optimizer__learning_rate=0.03),
        measured("diverged", 41),
        "It diverged at a learning rate of 0.03. Does it hold at 0.01?",
        [
            {"optimizer.learning_rate": 0.01},
            {"model.placement": "pre", "model.norm": "layer"},
            {"optimizer.clip": 1.0},
        ],
    ),
    (
        "too few steps",
        judged("too_early", None, None),
        config(training__steps=30),
        measured(step=30),
        "A verdict needs 50 training losses. Train it for 100 steps?",
        [{"training.steps": 100}],
    ),
    (
        "still falling",
        judged("too_early", 0.4),
        config(),
        measured(),
        "twice as many steps",
        [{"training.steps": 1200}],
    ),
    (
        "batches that scatter",
        judged("too_early", -0.03, 0.02),
        config(training__batch_size=2),
        measured(),
        "known to ± 0.02 only",
        [{"training.batch_size": 8}, {"training.steps": 1200}],
    ),
    (
        "memorised",
        judged("memorised", -1.2),
        config(),
        measured(),
        "no dropout",
        [{"model.dropout": 0.2}, {"optimizer.weight_decay": 0.1}, {"model.depth": 3}],
    ),
]


@pytest.mark.parametrize(("name", "verdict", "config", "found", "sentence", "changes"), CASES)
def test_what_to_look_at_and_to_try(
    name: str,
    verdict: Verdict,
    config: RunConfig,
    found: Measured,
    sentence: str,
    changes: list[dict[str, Any]],
) -> None:
    suggestions = next_steps(verdict, config, found)
    assert sentence in said(suggestions)
    assert tried(suggestions) == changes
    assert len([one for one in suggestions if not one.sentence.startswith("Why: ")]) <= 3


def test_a_pair_is_compared_and_what_it_tried_is_not_tried_again() -> None:
    dies, lives = config(model__placement="post"), config()
    found = next_steps(
        judged("plateau", 0.004), dies, measured(), (judged("learned", -0.62), lives)
    )
    assert found[0].action == "compare"
    assert found[0].sentence == (
        "The two differ only in norm placement: with post it ends 0.004 nats above letter"
        " frequencies, with pre it ends 0.62 nats below letter frequencies. With post it ignores"
        " its input, with pre it uses its input."
    )
    assert {"model.placement": "pre"} not in tried(found)
    while_it_trains = next_steps(judged("plateau", 0.004), dies, measured(), (None, lives))
    assert "compare" not in [one.action for one in while_it_trains]
    assert tried(while_it_trains) == [], "a new run would push the twin off the page"
    assert {"model.placement": "pre"} not in tried(while_it_trains)


def test_a_pair_that_differs_in_its_overrides_is_told_as_people_type_them() -> None:
    dies, lives = config(model__overrides="0-1: placement=post"), config()
    pair = (judged("learned", -0.62), lives)
    found = next_steps(judged("plateau", 0.004), dies, measured(), pair)
    assert "with 1-2: placement=post it ends 0.004 nats above" in found[0].sentence
    assert "with none it ends 0.62 nats below" in found[0].sentence


def test_a_twin_under_way_is_waited_for() -> None:
    dies, lives = config(model__placement="post"), config()
    found = next_steps(
        judged("plateau", 0.004),
        dies,
        measured(),
        (None, lives),
        twin_state="training, step 41 of 600",
    )
    assert found[0].sentence == (
        "Its twin has not ended (training, step 41 of 600): wait for it, then the two can be"
        " compared."
    )
    assert {one.action for one in found} == {"none"}
    other = next_steps(judged("plateau", 0.004), dies, measured(), (None, config(model__depth=4)))
    assert other[0].sentence.startswith("The run beside it has not ended: wait")


@pytest.mark.parametrize(
    ("kinds", "flat", "end"),
    [
        (
            ("plateau", "plateau"),
            {"optimizer__warmup_steps": 200},
            "Warm-up alone did not save it: both sit on the plateau.",
        ),
        (
            ("learned", "learned"),
            {"model__placement": "pre"},
            "Both use their input: this setting alone does not decide whether it learns.",
        ),
        (
            ("above", "plateau"),
            {"model__init": "gpt2"},
            "Initialisation alone did not save it: neither learns.",
        ),
        (
            ("diverged", "learned"),
            {"model__placement": "pre"},
            "With post it diverges, with pre it uses its input.",
        ),
        (
            ("diverged", "diverged"),
            {"optimizer__clip": 0.5},
            "Clipping alone did not save it: both diverged.",
        ),
        (
            ("learned", "plateau"),
            {"model__depth": 9, "model__placement": "pre"},
            "The first uses its input, the second ignores its input.",
        ),
    ],
)
def test_what_a_pair_shows_is_said_in_words(
    kinds: tuple[str, str], flat: dict[str, Any], end: str
) -> None:
    first, second = config(model__placement="post"), config(**{"model__placement": "post", **flat})
    found = next_steps(judged(kinds[0], 0.1), first, measured(), (judged(kinds[1], 0.01), second))
    assert found[0].action == "compare"
    assert found[0].sentence.endswith(end)


def reasons(found: list[Suggestion]) -> str:
    return " ".join(one.sentence for one in found if one.sentence.startswith("Why: "))


def test_why_is_said_where_the_mechanism_applies() -> None:
    post = config(model__placement="post", model__depth=12)
    shrinks = measured(gradients=(1e-6, 1e-2), at=599)
    alone = reasons(next_steps(judged("plateau", 0.0), post, shrinks))
    assert "1/√2 a sublayer" in alone
    assert "Through 24 sublayers" in alone
    assert "pre-LN" not in alone
    both = next_steps(
        judged("plateau", 0.0), post, shrinks, (judged("learned", -1.0), config(model__depth=12))
    )
    assert both[0].action == "compare"
    assert "1/√2 a sublayer" in reasons(both)
    assert "no norm stands on the skip path" in reasons(both)
    living = next_steps(
        judged("learned", -1.0), config(model__depth=12), measured(), (judged("plateau", 0.0), post)
    )
    assert "no norm stands on the skip path" in reasons(living)
    assert "1/√2 a sublayer" in reasons(living)
    bare = next_steps(judged("above", 0.2), config(model__residual="off"), measured())
    assert "nothing passes around a layer" in reasons(bare)


@pytest.mark.parametrize(
    ("kind", "flat", "found"),
    [
        ("plateau", {"model__placement": "post"}, measured(gradients=(0.02, 0.02), at=5)),
        ("plateau", {"model__placement": "post"}, measured(rewired=True)),
        ("plateau", {"model__placement": "post", "model__scaling": "deepnorm"}, measured()),
        ("plateau", {"model__placement": "post", "model__depth": 2}, measured()),
        ("plateau", {}, measured()),
        ("learned", {}, measured()),
        ("learned", {"model__placement": "post"}, measured()),
    ],
)
def test_no_mechanism_is_named_that_does_not_apply(
    kind: str, flat: dict[str, Any], found: Measured
) -> None:
    assert reasons(next_steps(judged(kind, 0.0), config(**flat), found)) == ""


def test_what_was_trained_is_shown_instead_of_trained_again() -> None:
    dies = config(model__placement="post", model__depth=3)
    lives = config(model__depth=3).flat()
    trained = {experiment_key(lives): "20260101-lives"}
    found = next_steps(judged("plateau", 0.0), dies, measured(), trained=trained)
    (shown,) = [one for one in found if one.action == "beside"]
    assert (shown.run, shown.label) == ("20260101-lives", "Show both")
    assert shown.sentence.endswith("You have trained this: compare them.")
    assert {"model.placement": "pre"} not in tried(found)


def test_a_stopped_run_is_resumed_before_anything_else() -> None:
    found = next_steps(judged("too_early", 0.2), config(), measured("stopped", 120))
    assert [one.action for one in found] == ["resume"]
    assert found[0].sentence == (
        "It ended at step 120 of 600. Resumed, it has no checkpoint yet: it starts again at step 0"
        " and its 120 steps are drawn anew."
    )
    kept = measured("interrupted", 120, resumes_at=100)
    sentence = next_steps(judged("too_early", 0.2), config(), kept)[0].sentence
    assert sentence.endswith("Resumed, it goes on from its checkpoint at step 100.")


@pytest.mark.parametrize("state", ["queued", "starting", "running", "paused"])
def test_nothing_is_said_of_a_run_under_way(state: str) -> None:
    assert next_steps(judged("learned", -1.0), config(), measured(state)) == []


def test_of_a_rewired_run_nothing_is_said_about_its_wiring() -> None:
    found = next_steps(
        judged("plateau", 0.0), config(model__placement="post"), measured(rewired=True)
    )
    assert "placement" not in said(found)
    assert all("model.placement" not in one for one in tried(found))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "flat",
    [
        {},
        {"model.family": "mlp", "data.corpus": "digits"},
        {"model.family": "resnet", "model.norm": "batch", "data.corpus": "digits"},
        {"model.placement": "sandwich"},
        {"model.overrides": "0: placement=post"},
        {"model.sublayers": "feedforward"},
        {"model.depth": 1, "training.steps": 1},
        {"training.steps": 10**8},
    ],
)
@pytest.mark.parametrize("gap", [None, 0.3, -0.3])
def test_every_twin_can_be_built(kind: str, flat: dict[str, Any], gap: float | None) -> None:
    base = RunConfig.from_flat(flat)
    for one in next_steps(judged(kind, gap), base, measured(gradients=(0.0, 1.0))):
        assert one.sentence.endswith((".", "?"))
        assert bool(one.label) == (one.action != "none")
        if one.action == "twin":
            twin = RunConfig.from_flat({**base.flat(), **one.changes})
            assert twin.flat() != base.flat()


@pytest.mark.parametrize("fate", ["lives", "plateau", "diverges"])
def test_a_run_is_measured_as_its_files_say(store: RunStore, fate: str) -> None:
    run = finished(store, fate=fate)
    found = measure(run)
    steps, values = run.series("grad_norm/block")
    at = int(steps.tolist().index(found.at))
    assert found.gradients == tuple(float(v) for v in values[at])
    assert found.at == (120 if fate == "diverges" else 400)
    assert said(next_steps(summary_of(run).verdict, run.config, found))


def test_of_a_fork_only_what_it_can_try_is_asked() -> None:
    dead = config(model__placement="post")
    point = ForkPoint(run="a", name="a", step=200, config=dead, wiring=dead.model)
    found = next_steps(judged("plateau", 0.002), dead, measured(fork=point))
    asked = tried(found)
    assert {"model.placement": "pre"} in asked
    assert not any("model.init" in one or "optimizer.warmup_steps" in one for one in asked)
    deeper = next_steps(judged("learned", -0.9), config(), measured(fork=point))
    assert not any("model.depth" in one for one in tried(deeper))
    beside = (judged("learned", -0.9), config())
    apart = next_steps(
        judged("plateau", 0.002), dead, measured(fork=point), beside, same_start=False
    )
    assert "The two differ only in" not in said(apart)
