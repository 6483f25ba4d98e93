"""Runs on a real Ray cluster of one node; two nodes and their deaths: `tests.faults.cluster`."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.jobs import control, elsewhere, enqueue
from core.programs.training import foreground
from core.runs import Run, RunStore
from core.runs.status import ENDED
from tests.conftest import small
from tests.faults.cluster import kill_driver, wait
from tests.ray_nodes import Nodes, can_hide

pytest.importorskip("ray")
# Two programs and a cluster start beside the other tests: a busy machine gets a second try.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.flaky(reruns=1),
    pytest.mark.skipif(
        not os.environ.get("CLUSTER"), reason="starts a Ray cluster, for minutes: CLUSTER=1 does it"
    ),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunStore]:
    """A folder that the node sees and one that it does not."""
    base = tmp_path_factory.mktemp("ray")
    for name in ("shared", "fetched"):
        (base / name).mkdir()
    return {name: RunStore(base / name) for name in ("shared", "fetched")}


@pytest.fixture(scope="module")
def nodes(stores: dict[str, RunStore]) -> Iterator[Nodes]:
    made = Nodes(hidden=(stores["fetched"].root,) if can_hide() else ())
    try:
        made.start(cpus=1)
        yield made
    finally:
        for store in stores.values():
            kill_driver(store, made.address)
        made.stop()


def said(run: Run, store: RunStore, address: str) -> str:
    """What to look at where it did not come as it should."""
    log = elsewhere.driver(address).log(store.root)
    return f"{run.record}\n{log.read_text()[-3000:] if log.exists() else ''}"


@pytest.mark.parametrize("where", ["shared", "fetched"])
def test_a_run_on_the_cluster(
    where: str, nodes: Nodes, stores: dict[str, RunStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is paused, rewired, loses who follows it, is stopped and resumed, and ends as one that
    trained here and was rewired at the same step."""
    if where == "fetched" and not can_hide():
        pytest.skip("a folder can't be hidden from a node here: this needs root")
    store, address = stores[where], nodes.address
    monkeypatch.setenv("ADDNORM_RUNS", str(store.root))
    monkeypatch.setenv(elsewhere.VARIABLE, address)
    steps = 400
    config = small(training__steps=steps)
    run = enqueue(store, config, paused=True)
    assert wait(lambda: run.status == "paused", store), said(run, store, address)
    behind = enqueue(store, small())  # the one processor is the first one's still
    assert run.on == behind.on == address
    assert run.alive
    assert not run.lock().acquire()
    assert run.where.endswith(f"({nodes.address[6:].partition(':')[0]})")
    assert behind.status == "queued"
    control(store, behind, "stop")
    assert wait(lambda: behind.status == "stopped" and not behind.alive, store)
    control(store, run, "switch", "1: residual=off")
    kill_driver(store, address)
    control(store, run, "step")
    assert wait(lambda: bool(run.turned_by_hand), store), said(run, store, address)
    control(store, run, "stop")
    assert wait(lambda: run.status == "stopped" and not run.alive, store), said(run, store, address)
    (switch,) = run.turned_by_hand
    assert run.record.step < steps
    control(store, run, "resume")
    assert wait(lambda: run.status in ENDED and not run.alive, store), said(run, store, address)
    assert run.status == "finished", said(run, store, address)
    monkeypatch.delenv(elsewhere.VARIABLE)
    again = config.flat() | {"training.switches": (switch.model_dump(),)}
    here, _ = foreground(store, type(config).from_flat(again), bar=None)
    for metric in ("loss/train", "loss/validation", "grad_norm/total"):
        for mine, theirs in zip(run.series(metric), here.series(metric), strict=True):
            assert np.array_equal(mine, theirs), metric
    assert not (run.path / "elsewhere.json").exists()
    assert elsewhere.followed(store, address) == []


def test_a_node_that_lacks_memory_is_not_asked(
    nodes: Nodes, stores: dict[str, RunStore], tmp_path: Path
) -> None:
    store, address = stores["shared"], nodes.address
    run = enqueue(store, small(training__threads=64), on=address)
    assert wait(lambda: "64 processors" in run.record.message, store), said(run, store, address)
    assert run.record.message.startswith(f"it waits: no node of {address} has 64 processors")
    control(store, run, "stop")
    assert wait(lambda: run.status == "stopped" and not run.alive, store)
    assert os.listdir(run.path / "metrics") == []
