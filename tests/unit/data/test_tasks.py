"""Synthetic tasks: what is random is random, what follows follows, and every step has its own.

Their optimal losses are compared with brute force, over every sequence that there is, and with the
true generator's own probabilities of what it drew.
"""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from core.config import SYNTHETIC, DataConfig, RunConfig, applies, explain
from core.config.tasks import TASKS
from core.config.units import UNITS
from core.data import corpora, tasks
from core.data.tasks.addition import Addition
from core.data.tasks.brackets import Brackets
from core.data.tasks.markov import Markov
from core.data.tasks.repeats import Copy, Repeat, Reverse
from core.data.tasks.sort import Sort
from core.data.tasks.task import ALPHABET, Task
from core.heads.scores import period_of
from core.training.objectives import IGNORED, task_of
from tests.conftest import small


def text(name: str, **settings: object) -> tasks.Synthetic:
    found = corpora.load_text(DataConfig(corpus=name, **settings))  # type: ignore[arg-type]
    assert isinstance(found, tasks.Synthetic)
    return found


def test_the_tables_and_the_settings_name_the_same_tasks() -> None:
    assert tuple(tasks.MADE) == SYNTHETIC == tuple(TASKS)
    known = DataConfig.model_fields
    assert [one for row in TASKS.values() for one in row.settings if one not in known] == []
    assert set(SYNTHETIC) < set(known["corpus"].annotation.__args__)  # type: ignore[union-attr]
    assert list(ALPHABET) == sorted(set(ALPHABET))
    for name in SYNTHETIC:
        assert TASKS[name].summary in str(known["corpus"].description)
        task = text(name).task
        assert len(set(task.alphabet)) == task.vocabulary
        assert task.words is None or task.words in UNITS


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_settings_of_a_task_belong_to_it_alone(name: str) -> None:
    for other, row in TASKS.items():
        for field in row.settings:
            reason = applies(f"data.{field}", small(data__corpus=name))
            assert bool(reason) == (other != name)
    with pytest.raises(ValidationError) as error:
        RunConfig(data=DataConfig(corpus="python-reference", order=3))
    assert explain(error.value) == (
        "data.order: 3 has no meaning: only markov reads it, and data.corpus is python-reference;"
        " accepted: 2 (the default)"
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"corpus": "markov", "order": 3, "letters": 62},
            "data.order: 3 letters of 62 give 238,328 contexts, each with its own probabilities,"
            " and 4,096 are the most; accepted with data.letters 62: 1 to 2",
        ),
        (
            {"corpus": "brackets", "kinds": 1, "nesting": 1},
            "data.nesting: 1 leaves nothing to learn with one kind of brackets, as each opens and"
            " closes; accepted with data.kinds 1: 2 or more",
        ),
    ],
)
def test_settings_that_make_no_task_are_refused_in_a_sentence(
    settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError) as error:
        RunConfig.model_validate({"data": settings})
    assert explain(error.value) == sentence


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("repeat", {}, 8),
        ("reverse", {}, 8),
        ("addition", {}, 4),
        ("brackets", {}, 2),
        ("markov", {"order": 3}, 4),
    ],
)
def test_a_tiny_context_is_refused_with_what_would_do(
    name: str, settings: dict[str, object], least: int
) -> None:
    own = {f"data__{field}": value for field, value in settings.items()}
    shared = {"data__corpus": name, "probes__tokens": 1, **own}
    with pytest.raises(corpora.CorpusError, match=rf"{name} needs model\.context {least} or more"):
        task_of(small(model__context=least - 1, **shared))
    found = task_of(small(model__context=least, **shared))
    assert found.batch(0).inputs.shape == (4, least)
    assert (found.batch(0).targets != IGNORED).any()


def test_repeat_has_every_period_between_a_quarter_and_half_of_the_context() -> None:
    windows = text("repeat").windows(64, 400)
    assert windows.shape == (400, 65)
    found = [period_of(row) for row in windows]
    assert set(found) == set(range(16, 33))
    assert max(np.bincount(found)[16:]) < 60  # 400 / 17 = 24 each


def test_copy_reverse_and_sort_are_their_first_half_again() -> None:
    assert {period_of(row) for row in text("copy").windows(64, 50)} == {32}
    windows = text("sort").windows(64, 50)
    assert np.array_equal(np.sort(windows[:, :32], axis=1), windows[:, -32:])
    assert not np.array_equal(windows[:, :32], windows[:, -32:])
    windows = text("reverse").windows(64, 50)
    assert np.array_equal(windows[:, :32][:, ::-1], windows[:, -32:])


def test_sums_are_right_and_only_whole_ones_count() -> None:
    corpus = text("addition", modulus=7)
    for context in (4, 5, 9, 10, 64):
        window = corpus.windows(context, 1)[0]
        letters = "".join(corpus.task.alphabet[i] for i in window)
        sums = [one for one in letters.split(";") if len(one) == 5]
        assert sums
        assert all((int(s[0]) + int(s[2])) % 7 == int(s[4]) for s in sums)
        scored = corpus.task.scored(context)
        assert scored.sum() == len(sums)
        assert scored[-1]  # a feed-forward network predicts the last token
        assert "".join(letters[1:][i] for i in np.flatnonzero(scored)) == "".join(
            s[4] for s in sums
        )


def test_held_out_pairs_are_never_trained_on_and_the_same_for_every_seed() -> None:
    corpus = text("addition", modulus=5, held_out=0.4)

    def pairs(windows: np.ndarray) -> set[tuple[int, int]]:
        return {(int(row[0]), int(row[2])) for row in windows}

    shown = pairs(np.concatenate([corpus.batches(4, 64, seed).at(1) for seed in range(20)]))
    assert len(shown) == 15
    assert pairs(corpus.windows(4, 500)) == set(itertools.product(range(5), range(5))) - shown
    assert len(pairs(text("addition", modulus=5).windows(4, 500))) == 25


def test_brackets_close_what_is_open_and_never_too_deep() -> None:
    corpus = text("brackets", kinds=3, nesting=3)
    deepest = 0
    for row in corpus.windows(50, 40):
        stack: list[int] = []
        for token in row.tolist():
            if token % 2:
                assert stack.pop() == token - 1
            else:
                stack.append(token)
            deepest = max(deepest, len(stack))
    assert deepest == 3


@pytest.mark.parametrize("name", SYNTHETIC)
def test_tokens_occur_as_often_as_the_baseline_says(name: str) -> None:
    corpus = text(name)
    known = corpus.baseline(32)
    windows = corpus.windows(32, 6000)
    scored = corpus.task.scored(32)
    for place in np.flatnonzero(scored)[[0, len(np.flatnonzero(scored)) // 2, -1]]:
        counts = np.bincount(windows[:, place + 1], minlength=corpus.vocabulary)
        shares = np.exp(known.log[0 if len(known.log) == 1 else place])
        # Five standard errors of a share.
        error = 5 * np.sqrt(shares / 6000) + 1e-3
        assert (np.abs(counts / 6000 - shares) < error).all()
    measured = known.loss(windows[:, 1:], np.broadcast_to(scored, windows[:, 1:].shape))
    assert measured == pytest.approx(known.entropy, rel=0.02)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_batches_are_a_function_of_seed_and_step(name: str) -> None:
    corpus = text(name)
    batches = corpus.batches(16, 4, seed=3)
    assert batches.at(7).shape == (4, 17)
    assert np.array_equal(batches.at(7), corpus.batches(16, 4, seed=3).at(7))
    others = [batches.at(8), corpus.batches(16, 4, seed=4).at(7), corpus.windows(16, 4)]
    assert not any(np.array_equal(batches.at(7), other) for other in others)
    assert np.array_equal(corpus.windows(16, 4), corpus.windows(16, 4))
    assert corpus.length == 0


def test_the_first_tasks_draw_what_they_always_drew() -> None:
    """Recorded before there were other tasks: their runs can be resumed, and read the same."""
    known = {"repeat": "387fda6a", "copy": "01d9a89c", "sort": "79dcff1d"}
    assert {name: text(name).sha256[:8] for name in known} == known
    assert text("repeat").optimal(64) == 1.5388675665832603
    assert text("copy").optimal(8) == 1.5595811562598767


# Optimal losses


def by_brute_force(likely: dict[tuple[int, ...], float], scored: np.ndarray) -> tuple[float, float]:
    """The least mean loss and that of the last token, from every sequence's probability.

    The best a network can say at a place is the conditional distribution itself.
    """
    mean, last = 0.0, 0.0
    for place in np.flatnonzero(scored):
        joint: Counter[tuple[int, ...]] = Counter()
        before: Counter[tuple[int, ...]] = Counter()
        for row, p in likely.items():
            joint[row[: place + 2]] += p
            before[row[: place + 1]] += p
        nats = -sum(p * math.log(p / before[row[:-1]]) for row, p in joint.items())
        mean += nats / scored.sum()
        last = nats
    return mean, last


def check(task: Task, context: int, likely: dict[tuple[int, ...], float]) -> None:
    assert sum(likely.values()) == pytest.approx(1)
    mean, last = by_brute_force(likely, task.scored(context))
    assert task.optimal(context) == pytest.approx(mean, abs=1e-12)
    assert task.optimal(context, last=True) == pytest.approx(last, abs=1e-12)
    # What it draws has these probabilities.
    rows = task.draw(np.random.default_rng(0), 4000, context)
    counts = Counter(map(tuple, rows.tolist()))
    assert counts.keys() <= likely.keys()
    for row, p in likely.items():
        assert counts[row] / 4000 == pytest.approx(p, abs=6 * math.sqrt(p / 4000) + 5e-4)


@pytest.mark.parametrize("kind", [Repeat, Copy])
@pytest.mark.parametrize("context", [4, 8, 9, 12])
def test_the_optimum_of_repetitions_by_brute_force(kind: type[Repeat], context: int) -> None:
    """Two letters, so that sequences which fit several periods are as common as can be."""
    task = kind("ab")
    shortest, longest = task.periods(context)
    likely: Counter[tuple[int, ...]] = Counter()
    for period in range(shortest, longest + 1):
        for start in itertools.product(range(2), repeat=period):
            row = tuple(start[i % period] for i in range(context + 1))
            likely[row] += 1 / (2**period * (longest - shortest + 1))
    check(task, context, likely)


@pytest.mark.parametrize("context", [4, 5])
def test_the_optimum_of_backwards_and_of_order_by_brute_force(context: int) -> None:
    half = (context + 1) // 2
    drawn = list(itertools.product(range(3), repeat=context + 1 - half))
    each = 1 / len(drawn)
    check(Reverse("abc"), context, {(*row, *row[:half][::-1]): each for row in drawn})
    task = Sort("abc")
    likely = {(*row, *sorted(row[:half])): each for row in drawn}
    check(task, context, likely)
    shares = np.zeros((context, 3))
    for row, p in likely.items():
        shares[range(context), row[1:]] += p
    assert task.shares(context) == pytest.approx(shares)


@pytest.mark.parametrize("context", [4, 10])
def test_an_answer_follows_from_its_sum(context: int) -> None:
    task = Addition(2)
    likely: Counter[tuple[int, ...]] = Counter()
    for pairs in itertools.product(itertools.product(range(2), repeat=2), repeat=context // 6 + 1):
        row = [t for a, b in pairs for t in (4, a, 2, b, 3, (a + b) % 2)]
        likely[tuple(row[-(context + 1) :])] += 1 / 4 ** len(pairs)
    check(task, context, likely)


@pytest.mark.parametrize(("kinds", "nesting"), [(1, 2), (2, 1), (2, 2), (1, 3)])
def test_the_optimum_of_brackets_by_brute_force(kinds: int, nesting: int) -> None:
    context = 6
    likely: dict[tuple[int, ...], float] = {}

    def grow(row: tuple[int, ...], stack: tuple[int, ...], p: float) -> None:
        if len(row) == context + 1:
            likely[row] = p
            return
        opens = 1.0 if not stack else 0.0 if len(stack) == nesting else 0.5
        for kind in range(kinds if opens else 0):
            grow((*row, 2 * kind), (*stack, kind), p * opens / kinds)
        if opens < 1:
            grow((*row, 2 * stack[-1] + 1), stack[:-1], p * (1 - opens))

    grow((), (), 1.0)
    task = Brackets(kinds, nesting)
    check(task, context, likely)
    shares = np.zeros((context, 2 * kinds))
    for row, p in likely.items():
        shares[range(context), row[1:]] += p
    assert task.shares(context) == pytest.approx(shares)


@pytest.mark.parametrize(("letters", "order"), [(2, 1), (3, 1), (2, 2), (2, 3)])
def test_the_optimum_of_markov_text_by_brute_force(letters: int, order: int) -> None:
    task, context = Markov(letters, order), 5
    likely: dict[tuple[int, ...], float] = {}
    for row in itertools.product(range(letters), repeat=context + 1):
        p = float(task.contexts[row[:order]])
        for i in range(order, context + 1):
            p *= float(task.rows[row[i - order : i + 1]])
        likely[row] = p
    check(task, context, likely)
    # In the long run it stays as it began.
    assert (task.contexts[..., None] * task.rows).sum(0) == pytest.approx(task.contexts, abs=1e-14)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("markov", {}), ("markov", {"order": 3, "letters": 4}), ("brackets", {"nesting": 6})],
)
def test_the_optimum_is_the_generators_own_loss_on_what_it_draws(
    name: str, settings: dict[str, object]
) -> None:
    """Monte Carlo at full size, with the probabilities that the generator used."""
    task = text(name, **settings).task
    rows = task.draw(np.random.default_rng(1), 3000, 24)
    nats = np.zeros((3000, 24))
    for i in range(1, 25):
        if isinstance(task, Markov):
            n = min(i, task.order)
            of = task.rows if i >= task.order else task.contexts
            joint = of.sum(tuple(range(n + 1, of.ndim)))
            seen = joint[tuple(rows[:, i - n : i + 1].T)]
            nats[:, i - 1] = np.log(joint.sum(-1)[tuple(rows[:, i - n : i].T)]) - np.log(seen)
        else:
            assert isinstance(task, Brackets)
            depth = np.where(rows[:, :i] % 2, -1, 1).sum(1)
            opens = np.array([1.0, *[0.5] * (task.nesting - 1), 0.0])[depth]
            nats[:, i - 1] = -np.log(np.where(rows[:, i] % 2, 1 - opens, opens / task.kinds))
    error = nats.mean(1).std() / math.sqrt(3000)
    assert abs(nats.mean() - task.optimal(24)) < 4 * error < 0.03


def test_of_what_people_wrote_the_optimum_is_not_known() -> None:
    assert corpora.load_text(DataConfig()).optimal(8) is None
    assert "floor" not in task_of(small()).about()


# As a corpus


@pytest.mark.parametrize("name", SYNTHETIC)
@pytest.mark.parametrize("family", ["transformer", "mlp"])
def test_a_task_is_a_corpus_like_any_other(name: str, family: str) -> None:
    task = task_of(small(data__corpus=name, model__family=family, model__heads=4))
    corpus, about = text(name), task.about()
    assert (about["corpus"], about["vocabulary"]) == (name, corpus.vocabulary)
    assert about["unit"] == "token"
    last = family == "mlp"
    assert about["floor"] == corpus.optimal(16, last) < about["unigram_entropy"]
    batch = task.batch(0)
    assert task.baseline(batch.targets) == pytest.approx(about["unigram_entropy"], rel=0.25)
    model = task.build(task.config.model).eval()
    assert len(task.sample(model) or "") >= (51 if name == "addition" else 64)
    assert task.evaluate(model)["loss/validation"] > about["floor"]


def test_the_sample_of_sums_is_what_the_network_answers() -> None:
    task = task_of(small(data__corpus="addition", data__modulus=5))
    model = task.build(task.config.model).eval()
    inputs, targets = task.evaluation
    rows = (task.sample(model) or "").split("\n")
    assert len(rows) == 3
    answers = model(inputs[:3]).argmax(-1)
    for i, row in enumerate(rows):
        written = [row[1:][j] for j in (targets[i] != IGNORED).nonzero()[:, 0]]
        mine = answers[i][targets[i] != IGNORED]
        assert written == ["01234+=;"[j] for j in mine]


def test_only_what_counts_is_in_losses() -> None:
    task = task_of(small(data__corpus="addition"))
    inputs, targets = task.batch(0)
    assert (targets != IGNORED).sum(1).tolist() == [3] * 4  # 17 tokens: three whole sums
    model = task.build(task.config.model).eval()
    logits = model(inputs)
    by_hand = -logits.log_softmax(-1)[:, [3, 9, 15]].gather(-1, targets[:, [3, 9, 15]][..., None])
    assert task.loss(logits, targets).item() == pytest.approx(by_hand.mean().item(), rel=1e-6)


def test_the_probe_of_repeat_repeats() -> None:
    about = task_of(small(data__corpus="repeat")).about()
    assert len(about["probe_tokens"]) == 16
    assert 4 <= (period_of(about["probe_tokens"]) or 0) <= 8
