"""What is said of a pretrained model: the settings of its network, and none of a training that
the lab knows nothing of."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue.entry import Entry, differing
from core.catalogue.index import of_run
from core.config.alike import SEED
from core.pretrained.adopt import adopt
from core.runs import RunStore
from core.verdicts.advice import next_steps
from core.verdicts.measured import measure
from dashboard.components.facts import about
from dashboard.report.page import report
from tests.adopted import CONTEXT, llama
from tests.conftest import small
from tests.fake_runs import finished

pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def _own_store(store: RunStore) -> None:
    """The pages show this folder of runs."""


def adopted(store: RunStore, folder: Path) -> Entry:
    return of_run(adopt(store, str(llama(folder))))


def test_it_has_the_settings_of_its_network_alone(store: RunStore, tmp_path) -> None:
    one = adopted(store, tmp_path / "it")
    assert one.trained["model.norm"] == "rms"
    assert all(name.startswith("model.") for name in one.trained)
    assert one.flat[SEED] is None
    assert one.tokens_per_step is None
    assert "seed" not in about(one.run)["detail"]


def test_it_differs_from_runs_in_its_network_alone(store: RunStore, tmp_path) -> None:
    one = adopted(store, tmp_path / "it")
    ours = [
        of_run(store.create(small(data__corpus=corpus, training__seed=7), "one of ours"))
        for corpus in ("python-reference", "markov")
    ]
    alone = differing([one, ours[1]])
    assert alone["model.norm"] == ["rms", "layer"]
    assert all(name.startswith("model.") for name in alone)
    assert differing([one, *ours])["data.corpus"] == [None, "python-reference", "markov"]


def test_two_of_one_design_are_no_repeats(store: RunStore, tmp_path) -> None:
    folder = llama(tmp_path / "a")
    first, again = (of_run(adopt(store, str(folder))) for _ in range(2))
    assert first.setting == again.setting  # the same weights
    other = of_run(adopt(store, str(llama(tmp_path / "b"))))  # other numbers
    assert dict(other.flat) == dict(first.flat)
    assert other.setting != first.setting


def test_it_is_made_again_by_adopting(store: RunStore, tmp_path) -> None:
    one = adopted(store, tmp_path / "a llama")
    page = report(store, [one.run, finished(store, "mine", steps=5)])
    assert f"python -m core adopt &#39;a llama&#39; --context {CONTEXT}" in page
    assert page.count("python -m core train") == 1
    assert one.source["sha256"] in page
    assert "no training loss yet" not in page


def test_nothing_is_advised_of_its_training(store: RunStore, tmp_path) -> None:
    one = adopted(store, tmp_path / "it")
    found = next_steps(one.summary.verdict, one.run.config, measure(one.run))
    assert not [told for told in found if told.action == "twin"]
