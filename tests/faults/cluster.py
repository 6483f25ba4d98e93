"""A Ray cluster of two nodes against the local queue: ``python -m tests.faults.cluster``.

A grid trains here, on a cluster that sees the runs folder, and on one that does not; the losses
have to be the same to the bit. Meanwhile a node is killed and another one comes, the process that
follows the runs is killed, and runs are paused, rewired, resumed and stopped. Prints what was seen;
the status is 1 where anything was lost.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.config import RunConfig
from core.grids import grid
from core.jobs import control, elsewhere, enqueue, revive
from core.jobs import grids as jobs
from core.runs import RunStore
from core.runs.status import ENDED
from tests.ray_nodes import Nodes, can_hide, can_part

BASE = {
    "training.steps": 60, "training.threads": 1, "training.device": "cpu", "model.width": 16,
    "model.heads": 2, "model.depth": 2, "data.corpus": "copy",
}  # fmt: skip
PATIENCE = 900.0


def main() -> int:
    """Compare; returns the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--folders", nargs="*", default=["shared", "fetched"])
    parser.add_argument(
        "--here", help="a runs folder with the grid of the local queue, if it is known"
    )
    options = parser.parse_args()
    lost: list[str] = []
    with tempfile.TemporaryDirectory() as base:
        here = RunStore(options.here or Path(base) / "here")
        known = [id for id in jobs.known(here) if len(jobs.members(here, id)) == options.runs]
        expected = losses(here, known[0] if known else trained(here, options.runs, "local"))
        print(f"local queue: {len(expected)} runs", flush=True)
        for name in options.folders:
            lost += campaign(RunStore(Path(base) / name), name, expected, options.runs)
    for sentence in lost:
        print("LOST:", sentence)
    return int(bool(lost))


def trained(store: RunStore, runs: int, on: str) -> str:
    """A grid, begun."""
    half = max(1, runs // 2)
    made = grid("tiny", RunConfig.from_flat(BASE),
                {"model.residual": ["on", "off"], "training.seed": list(range(half))})  # fmt: skip
    return jobs.start(store, made, on=on)


def losses(store: RunStore, id: str) -> dict[str, np.ndarray]:
    """Every run's losses once all have ended, by its name."""
    runs = jobs.members(store, id)
    wait(lambda: all(run.status in ENDED for run in runs), store)
    return {run.name: run.series("loss/train")[1] for run in runs if run.status == "finished"}


def wait(done: Callable[[], bool], store: RunStore, seconds: float = PATIENCE) -> bool:
    """Until it is so; whether it came to be."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        revive(store)
        time.sleep(0.25)
    return True


def campaign(store: RunStore, name: str, expected: dict[str, np.ndarray], runs: int) -> list[str]:
    """What was lost of a grid on a cluster to which all of this happens."""
    store.root.mkdir()
    if name == "fetched" and not can_hide():
        return ["a folder can't be hidden from a node here: this needs root"]
    lost: list[str] = []
    nodes = Nodes(hidden=(store.root,) if name == "fetched" else (), parted=can_part())
    try:
        nodes.start()
        second = nodes.start()
        print(f"{name}: two nodes at {nodes.address}, networks of their own: {nodes.parted}",
              flush=True)  # fmt: skip
        began = time.monotonic()
        id = trained(store, runs, nodes.address)
        members = jobs.members(store, id)
        ended = [0]

        def so_many(wanted: int) -> Callable[[], bool]:
            def reached() -> bool:
                ended[0] = sum(run.status in ENDED for run in members)
                return ended[0] >= wanted

            return reached

        wait(so_many(runs // 4), store)
        working = [run.id for run in members if run.status in ("starting", "running")]
        nodes.kill(second)
        print(f"{name}: a node killed after {ended[0]} runs, {len(working)} at work", flush=True)
        wait(so_many(runs // 2), store)
        nodes.start()
        killed = kill_driver(store, nodes.address)
        print(f"{name}: its follower {killed} killed after {ended[0]} runs, a node added",
              flush=True)  # fmt: skip
        found = losses(store, id)
        hosts = sorted({run.record.host for run in members})
        log = elsewhere.driver(nodes.address).log(store.root)
        again = log.read_text().count(" was lost; ")  # events after a checkpoint go with the node
        same = sum(
            key in found and np.array_equal(found[key], values) for key, values in expected.items()
        )
        print(f"{name}: {same} of {len(expected)} the same to the bit, on {hosts}, {again} begun"
              f" again, {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        lost += [f"{name}: {key}" for key, values in expected.items()
                 if key not in found or not np.array_equal(found[key], values)]  # fmt: skip
        lost += [f"{name}: {sentence}" for sentence in steered(store, nodes.address)]
    finally:
        kill_driver(store, nodes.address)
        nodes.stop()
    return lost


def steered(store: RunStore, address: str) -> list[str]:
    """What did not reach a run on a cluster, of all that one may do to it."""
    lost = []
    config = RunConfig.from_flat({**BASE, "training.steps": 100_000})
    run = enqueue(store, config, "steered", on=address)

    def expect(what: str, so: Callable[[], bool], seconds: float = 60) -> None:
        began = time.monotonic()
        if wait(so, store, seconds):
            print(f"  {what}: {time.monotonic() - began:.1f} s, {run.record.host}", flush=True)
        else:
            lost.append(f"{what}: {run.record.state} {run.record.message}")

    expect("running", lambda: run.status == "running")
    control(store, run, "pause")
    expect("paused", lambda: run.status == "paused")
    control(store, run, "switch", "1: residual=off")
    control(store, run, "resume")
    expect("resumed", lambda: run.status == "running")
    expect("switched", lambda: bool(run.turned_by_hand))
    kill_driver(store, address)
    step = run.record.step
    expect("found again by a new follower", lambda: run.alive and run.record.step > step)
    control(store, run, "stop")
    expect("stopped", lambda: run.status == "stopped" and not run.alive)
    at = run.record.step
    control(store, run, "resume")
    expect("resumed from its checkpoint", lambda: run.record.step > at)
    control(store, run, "stop")
    expect("stopped again", lambda: run.status == "stopped" and not run.alive)
    return lost


def kill_driver(store: RunStore, address: str) -> int:
    """SIGKILL to the process that follows the runs; its pid."""
    path = elsewhere.driver(address).lock(store.root)
    try:
        pid = int(path.read_text() or 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    if b"ray_driver" in command:
        os.kill(pid, signal.SIGKILL)
    return pid


if __name__ == "__main__":
    sys.exit(main())
