"""The run that these tests read, and how many inputs they try."""

from __future__ import annotations

import hypothesis
import pytest

from core.runs import Run, RunStore
from tests.fake_runs import finished
from tests.inputs.hostile import TIMES

hypothesis.settings.register_profile(
    "inputs",
    deadline=None,
    database=None,
    derandomize=TIMES == 1,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("inputs")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run that ended, which tests only read."""
    store = RunStore(tmp_path_factory.mktemp("inputs") / "runs")
    return finished(store, steps=20, model__depth=2)
