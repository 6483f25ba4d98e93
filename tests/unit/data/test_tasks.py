"""Synthetic tasks: what is random is random, what follows follows, and every step has its own."""

import math

import numpy as np
import pytest
from conftest import small

from core.config import SYNTHETIC, DataConfig
from core.data import corpora, tasks
from core.heads.scores import period_of
from core.training.objectives import task_of


def text(name: str) -> tasks.Synthetic:
    found = corpora.load_text(DataConfig(corpus=name))  # type: ignore[arg-type]
    assert isinstance(found, tasks.Synthetic)
    return found


def test_the_table_and_the_settings_name_the_same_tasks() -> None:
    assert tuple(tasks.TASKS) == SYNTHETIC
    assert list(tasks.ALPHABET) == sorted(set(tasks.ALPHABET))


def test_repeat_has_every_period_between_a_quarter_and_half_of_the_context() -> None:
    windows = text("repeat").windows(64, 400)
    assert windows.shape == (400, 65)
    found = [period_of(row) for row in windows]
    assert set(found) == set(range(16, 33))
    assert max(np.bincount(found)[16:]) < 60  # 400 / 17 = 24 each


def test_copy_is_the_first_half_again_and_sort_the_first_half_in_order() -> None:
    assert {period_of(row) for row in text("copy").windows(64, 50)} == {32}
    windows = text("sort").windows(64, 50)
    assert np.array_equal(np.sort(windows[:, :32], axis=1), windows[:, -32:])
    assert not np.array_equal(windows[:, :32], windows[:, -32:])


@pytest.mark.parametrize("name", SYNTHETIC)
def test_every_token_is_equally_likely(name: str) -> None:
    corpus = text(name)
    counts = np.bincount(corpus.windows(64, 4000).ravel(), minlength=corpus.vocabulary)
    shares = counts / counts.sum()
    # The first halves are 128,000 draws: a share's standard error is 2.2 % of it.
    assert shares == pytest.approx(np.full(64, 1 / 64), rel=0.12)
    assert corpus.unigram_entropy == pytest.approx(math.log(64))
    assert corpus.log_unigram == pytest.approx(np.full(64, -math.log(64)))


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


def test_a_tiny_context_is_refused_with_what_would_do() -> None:
    with pytest.raises(corpora.CorpusError, match=r"model\.context 8 or more"):
        task_of(small(data__corpus="repeat", model__context=4))
    assert task_of(small(data__corpus="repeat", model__context=8)).batch(0).inputs.shape == (4, 8)


def test_the_floor_is_the_entropy_of_a_sequence() -> None:
    # Context 8: periods 2, 3 and 4, each as likely; a period p has p - 1 random tokens to predict.
    expected = ((1 + 2 + 3) / 3 * math.log(64) + math.log(3)) / 8
    assert text("repeat").floor(8) == pytest.approx(expected)
    assert text("copy").floor(8) == pytest.approx(3 * math.log(64) / 8)
    assert text("sort").floor(8) is None
    assert corpora.load_text(DataConfig()).floor(8) is None


@pytest.mark.parametrize("name", SYNTHETIC)
@pytest.mark.parametrize("family", ["transformer", "mlp"])
def test_a_task_is_a_corpus_like_any_other(name: str, family: str) -> None:
    task = task_of(small(data__corpus=name, model__family=family, model__heads=4))
    about = task.about()
    assert (about["corpus"], about["vocabulary"], about["unit"]) == (name, 64, "token")
    batch = task.batch(0)
    assert task.baseline(batch.targets) == pytest.approx(math.log(64))
    model = task.build(task.config.model).eval()
    sample = task.sample(model)
    assert len(sample or "") == 64
    assert task.evaluate(model)["loss/validation"] > about.get("floor", 0)


def test_the_probe_of_repeat_repeats() -> None:
    about = task_of(small(data__corpus="repeat")).about()
    assert len(about["probe_tokens"]) == 16
    assert 4 <= (period_of(about["probe_tokens"]) or 0) <= 8
