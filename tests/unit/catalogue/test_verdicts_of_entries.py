"""Verdicts on runs whose losses are made up, and what differs among configs."""

import numpy as np
import pytest

from core.catalogue.summary import summary_of
from core.config import RunConfig
from core.config.alike import differing
from core.files import write_json
from core.metrics.writer import SeriesWriter
from core.runs import RunStore, Status

ENTROPY = 3.309


@pytest.fixture
def make(tmp_path):
    """Write a run with these training losses."""
    store = RunStore(tmp_path)

    def run(losses, state="finished", unigram=None, entropy=ENTROPY, message="", step=None):
        made = store.create(RunConfig(), "a run")
        if len(losses):
            columns = {
                "step": np.arange(1, len(losses) + 1),
                "seconds": np.arange(len(losses)) * 0.1,
                "loss/train": np.asarray(losses),
            }
            if unigram is not None:
                columns["loss/unigram"] = np.asarray(unigram)
            writer = SeriesWriter(made.path / "metrics", "step", 0)
            writer.write(columns)
            writer.close()
        if entropy is not None:
            write_json(made.path / "corpus.json", {"unigram_entropy": entropy})
        made.write_status(
            Status(state=state, step=len(losses) if step is None else step, message=message)
        )
        return made

    return run


def noise(level, count=200, spread=0.05):
    return level + np.random.default_rng(0).normal(0, spread, count)


def test_learned(make):
    found = summary_of(make(noise(2.43))).verdict
    assert found.kind == "learned"
    assert found.last_mean == pytest.approx(2.43, abs=0.03)
    assert found.entropy == ENTROPY
    assert "2.4" in found.sentence
    assert "uses its input" in found.sentence


@pytest.mark.parametrize("level", [3.309, 3.39, 3.23])
def test_plateau_is_near_the_entropy_of_letters(make, level):
    found = summary_of(make(noise(level, spread=0.01))).verdict
    assert found.kind == "plateau"
    assert "ignores its input" in found.sentence
    assert "3.309" in found.sentence


def test_only_the_last_fifty_losses_count(make):
    assert summary_of(make([*noise(4.3, 150), *noise(2.4, 50)])).verdict.kind == "learned"
    assert summary_of(make([*noise(2.4, 150), *noise(3.31, 50, 0.01)])).verdict.kind == "plateau"


def test_batches_that_are_harder_than_the_corpus(make):
    """The plateau is also told by the letter frequencies' loss on those very batches."""
    hard = noise(3.45, 200)
    found = summary_of(make(hard + 0.01, unigram=hard)).verdict
    assert found.kind == "plateau"
    assert "same batches" in found.sentence
    assert summary_of(make(hard - 0.5, unigram=hard)).verdict.kind == "learned"


def test_a_loss_that_only_passes_the_plateau(make):
    found = summary_of(make(np.linspace(3.6, 3.2, 100))).verdict
    assert found.kind == "too_early"
    assert "still falling" in found.sentence


@pytest.mark.parametrize(
    ("gap", "reason"),
    [(-0.03, "Only from 0.02 on it uses its input"), (0.12, "Only from 0.10 on it knows less")],
)
def test_a_certain_gap_is_not_blamed_on_scatter(make, gap, reason):
    """More than three standard errors from 0, but not from what counts as learned or above."""
    unigram = np.full(400, ENTROPY)
    found = summary_of(make(noise(ENTROPY + gap, 400, 0.16), unigram=unigram)).verdict
    assert abs(found.gap) > 3 * found.error
    assert found.kind == "too_early"
    assert reason in found.sentence
    assert "scatter" not in found.sentence


def test_above_is_not_learned(make):
    found = summary_of(make(noise(3.8))).verdict
    assert found.kind == "above"
    assert "above the entropy" in found.sentence


def test_diverged_by_state_or_by_losses(make):
    losses = noise(3.0, 60)
    losses[41:] = np.nan
    assert summary_of(make(losses)).verdict.kind == "diverged"
    found = summary_of(make(losses, "diverged", message="the loss is not a number")).verdict
    assert found.kind == "diverged"
    assert found.sentence == "a run diverged at step 42: the loss is not a number."
    assert summary_of(make([], "diverged", step=0)).verdict.kind == "diverged"


def test_too_early(make):
    few = summary_of(make(noise(4.0, 49))).verdict
    assert few.kind == "too_early"
    assert few.last_mean == pytest.approx(4.0, abs=0.05)
    none = summary_of(make([], "queued")).verdict
    assert (none.kind, none.last_mean) == ("too_early", None)
    assert summary_of(make(noise(2.0), entropy=None)).verdict.entropy is None


def test_failed_gives_the_reason(make):
    found = summary_of(make([], "failed", message="tiny-shakespeare can't be downloaded.")).verdict
    assert found.kind == "failed"
    assert found.sentence == "a run failed: tiny-shakespeare can't be downloaded."


@pytest.mark.parametrize("losses", [[], [np.nan] * 3, noise(2, 60), noise(3.309, 60, 0.01)])
@pytest.mark.parametrize("state", ["queued", "stopped", "finished", "diverged", "failed"])
def test_sentences_are_sentences(make, losses, state):
    sentence = summary_of(make(losses, state)).verdict.sentence
    assert sentence.startswith("a run")
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert "nan" not in sentence


def test_state_words(make):
    assert summary_of(make(noise(2))).words_for("learned") == "finished"
    assert summary_of(make(noise(3.3))).words_for("plateau") == "plateau"
    assert summary_of(make([], "queued")).words_for(None) == "waiting"
    assert summary_of(make(noise(2, 60), "stopped")).words_for(None) == "stopped at step 60"
    losses = noise(3.0, 60)
    losses[41:] = np.inf
    assert summary_of(make(losses, "diverged")).words_for(None) == "diverged at step 42"


def test_last_loss_is_the_last_finite_one(make):
    assert summary_of(make([4.0, 3.0, np.nan])).last.get("loss/train") == 3.0
    assert summary_of(make([])).last.get("loss/train") is None
    assert summary_of(make([4.0])).last.get("loss/validation") is None


def test_differences_and_what_is_equal():
    pre = RunConfig().flat()
    post = RunConfig.from_flat({"model.placement": "post", "training.seed": 3}).flat()
    assert differing([pre, post]) == {
        "model.placement": ["pre", "post"],
        "training.seed": [0, 3],
    }
    assert differing([pre, pre]) == {}
    assert differing([pre]) == {}
    assert differing([]) == {}


def test_names_are_not_settings():
    assert differing([RunConfig(name="a").flat(), RunConfig(name="b").flat()]) == {}


def memorising(make, validation, at=(0, 100)):
    """A run whose training loss is far below frequencies, with these validation losses."""
    run = make(noise(0.37, 120, 0.02), unigram=noise(2.30, 120, 0.02), entropy=2.302)
    write_json(run.path / "corpus.json", {"unigram_entropy": 2.302, "unigram_validation": 2.31})
    writer = SeriesWriter(run.path / "metrics", "evaluation", 0)
    for step, loss in zip(at, validation, strict=True):
        row = {"step": np.array([step]), "seconds": np.array([float(step)])}
        writer.write(row | {"loss/validation": np.array([loss])})
    writer.close()
    return run


def test_memorised_digits_are_not_learned(make):
    found = summary_of(memorising(make, (2.4, 6.30))).verdict
    assert found.kind == "memorised"
    assert "uses its input" not in found.sentence
    assert "6.30" in found.sentence
    assert "2.31" in found.sentence


@pytest.mark.parametrize(("validation", "at"), [((2.4, 0.6), (0, 100)), ((6.3,), (0,)), ((), ())])
def test_without_a_telling_validation_it_is_learned(make, validation, at):
    """Below the frequencies; before any training; none at all."""
    assert summary_of(memorising(make, validation, at)).verdict.kind == "learned"


SORTED = {"unigram_entropy": 3.488, "unit": "token", "baseline": "places", "floor": 2.079}


@pytest.mark.parametrize(
    ("loss", "kind", "said"),
    [
        (2.12, "learned", "it uses its input"),
        (3.488, "plateau", "it has learned the token frequencies of each place"),
        (4.159, "above", "it knows less than the token frequencies of each place"),
    ],
)
def test_a_task_is_judged_by_what_its_places_say(make, loss, kind, said):
    """Sorting: a network that only knows where it is does better than one that knows nothing."""
    run = make(noise(loss, 200, 0.005), unigram=noise(3.488, 200, 0.005))
    write_json(run.path / "corpus.json", SORTED)
    found = summary_of(run).verdict
    assert found.kind == kind
    assert said in found.sentence
    assert "the entropy of single tokens at their places is 3.488" in found.sentence
    assert found.sentence.endswith("The optimal loss of its task is 2.079.")
    assert found.optimal == 2.079


def test_half_the_way_to_the_optimum_is_measured_from_there(make):
    """.01 nats below the frequencies is a little of 3 nats, and a third of .03."""
    for floor, kind in ((0.0, "plateau"), (3.10, "learned")):
        run = make(noise(3.12, 200, 0.001), unigram=noise(3.13, 200, 0.001))
        write_json(run.path / "corpus.json", {**SORTED, "unigram_entropy": 3.13, "floor": floor})
        assert summary_of(run).verdict.kind == kind


def test_a_slow_learner_has_learned_a_little(make):
    unigram = noise(3.309, 200, 0.06)
    found = summary_of(make(unigram - 0.051 + noise(0, 200, 0.03), unigram=unigram)).verdict
    assert found.kind == "learned"
    assert "only a little" in found.sentence
    assert found.gap == pytest.approx(-0.051, abs=0.015)


def test_batches_that_fall_by_themselves_leave_a_dead_network_dead(make):
    unigram = np.linspace(3.38, 3.24, 100)
    assert (
        summary_of(make(unigram + noise(0, 100, 0.004), unigram=unigram)).verdict.kind == "plateau"
    )


def test_a_text_of_low_entropy_is_learned(make):
    unigram = noise(0.056, 200, 0.01)
    found = summary_of(make(unigram - 0.02, unigram=unigram, entropy=0.056)).verdict
    assert found.kind == "learned"
    assert (
        summary_of(make(unigram + 0.0002, unigram=unigram, entropy=0.056)).verdict.kind == "plateau"
    )
