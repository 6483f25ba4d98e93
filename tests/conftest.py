"""What all tests share: small settings, a store of their own, and no runs outside of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import RunConfig
from core.runs import RunStore

# A tiny network that trains in milliseconds a step; tests change what they are about.
SMALL = {
    "model.depth": 2,
    "model.width": 16,
    "model.heads": 2,
    "model.context": 16,
    "training.batch_size": 4,
    "training.steps": 30,
    "training.evaluate_every": 10,
    "training.checkpoint_every": 10,
    "training.threads": 1,
    "training.device": "cpu",
    "probes.every": 5,
}


def small(**changes: object) -> RunConfig:
    """Small settings with changes by dotted name, dots as double underscores."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**SMALL, **dotted})


@pytest.fixture(autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of places and a cache of the tests' own, so that a user's runs do not matter."""
    shared = tmp_path_factory.getbasetemp()
    for name, folder in (("XDG_RUNTIME_DIR", "registry"), ("ADDNORM_CACHE", "cache")):
        (shared / folder).mkdir(exist_ok=True)
        if name not in os.environ or name == "XDG_RUNTIME_DIR":
            monkeypatch.setenv(name, str(shared / folder))


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """A test that runs a command leaves no stricter modes behind."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


MAIN = sys.modules["__main__"]


@pytest.fixture(autouse=True)
def _main_module() -> Iterator[None]:
    """The program's own main module after each test.

    Streamlit's AppTest leaves its script there, which a process that is spawned later would run.
    """
    yield
    sys.modules["__main__"] = MAIN


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """An empty runs folder, named by ADDNORM_RUNS too."""
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path / "runs"))
    return RunStore()


BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two more tries for tests in a browser, which a busy machine can make too slow.

    What they show in numbers is tested elsewhere, once. Those marked `once` get none: what they
    find is wrong however busy the machine is.
    """
    for item in items:
        if BROWSER in item.path.parents and not item.get_closest_marker("once"):
            item.add_marker(pytest.mark.flaky(reruns=2))
