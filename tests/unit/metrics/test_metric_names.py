"""Every metric that is written has a title and a unit, from one table."""

import pytest

from core.metrics import names
from core.probes.activations import STATISTICS
from core.runs import RunStore
from tests.fake_runs import finished


@pytest.mark.parametrize(
    ("metric", "unit", "title"),
    [
        ("loss/train", "nats per character", "Training loss"),
        ("grad_norm/total", "gradient norm", "Gradient norm"),
        ("grad_norm/block", "gradient norm", "Gradient norm"),
        ("activation/rms/resid_post", "RMS of activations", "RMS of activations"),
        ("activation/dead/mlp.post", "share of dead units", "Share of dead units"),
        ("attention/entropy", "nats", "Nats"),
        ("other", "other", "Other"),
    ],
)
def test_units_and_titles(metric: str, unit: str, title: str) -> None:
    assert names.unit_of(metric) == unit
    assert names.title_of(metric) == title


def test_a_loss_says_what_it_is_for() -> None:
    assert names.unit_of("loss/validation", per="image") == "nats per image"


def test_every_metric_of_a_run_has_a_unit(store: RunStore) -> None:
    metrics = finished(store, steps=40).metrics()
    assert len(metrics) > 20
    assert [metric for metric in metrics if names.unit_of(metric) == metric] == []


def test_every_statistic_that_is_measured_has_a_word() -> None:
    assert tuple(names.STATISTICS) == STATISTICS
    for statistic in STATISTICS:
        metric = f"activation/{statistic}/resid_post"
        assert names.unit_of(metric).startswith(names.STATISTICS[statistic])


def test_layers_in_names() -> None:
    assert names.layer_of("activation/rms/blocks.3.resid_post") == ("activation/rms/resid_post", 3)
    assert names.layer_of("activation/rms/blocks.{i}.resid_post") == (
        "activation/rms/resid_post",
        None,
    )
    assert names.layer_of("loss/train") == ("loss/train", None)
    assert names.flat_names("grad_norm/block", 2) == [
        "grad_norm/block/layer_0",
        "grad_norm/block/layer_1",
    ]
    assert names.flat_names("loss/train", 0) == ["loss/train"]
