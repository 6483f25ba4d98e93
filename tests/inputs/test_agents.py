"""Whatever an agent asks of its tools: an answer that is JSON, or one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies
from mcp.server.mcpserver.exceptions import ToolError

from core.config import settings
from core.programs.budget import Budget
from core.programs.server import told_plainly
from core.programs.starting import Training
from core.runs import Run, RunStore
from tests.inputs.hostile import is_sentence, some, texts, values

names = strategies.sampled_from(sorted(settings())) | texts
ids = strategies.sampled_from(["pre-ln-lives", "2", ""]) | texts


@pytest.fixture(scope="module")
def tools(run: Run) -> Training:
    """Tools that may start nothing: their budget is empty."""
    return Training(RunStore(run.path.parent), Budget(0, 0))


def answered(function: Callable[..., Any], *words: Any) -> None:
    """Answered with what JSON can hold, or refused in one sentence."""
    said = "answered"
    try:
        json.dumps(told_plainly(function)(*words), allow_nan=False)
    except ToolError as error:
        said = str(error)
    assert is_sentence(said), said


@some(100)
@given(filter=texts, most=strategies.integers())
def test_lists(tools: Training, filter: str, most: int) -> None:
    answered(tools.list_runs, filter, most)


@some(100)
@given(id=ids, metric=texts, points=strategies.integers())
def test_runs(tools: Training, id: str, metric: str, points: int) -> None:
    answered(tools.describe_run, id)
    answered(tools.read_series, id, metric, points)
    answered(tools.compare_runs, [id, metric])
    answered(tools.read_sweep, id)
    answered(tools.stop_run, id)
    answered(tools.wait_for_runs, [id], 0)


@some(100)
@given(word=texts)
def test_what_the_lab_knows(tools: Training, word: str) -> None:
    answered(tools.list_settings, word)
    answered(tools.list_evidence, word)
    answered(tools.read_evidence, word)


@some(200)
@given(
    changes=strategies.dictionaries(names, values, max_size=3), preset=texts | strategies.just("")
)
def test_settings(tools: Training, changes: dict[str, Any], preset: str) -> None:
    answered(tools.price, changes, preset)
    answered(tools.start_run, changes, preset)


@some(200)
@given(id=ids, name=names, value=values)
def test_twins(tools: Training, id: str, name: str, value: Any) -> None:
    answered(tools.start_twin, id, name, value)


@some(100)
@given(
    name=texts,
    tried=strategies.dictionaries(names, strategies.lists(values, max_size=3), max_size=2),
    seeds=strategies.integers(-2, 4),
)
def test_sweeps(tools: Training, name: str, tried: dict[str, list[Any]], seeds: int) -> None:
    answered(tools.start_sweep, name, tried, seeds)
