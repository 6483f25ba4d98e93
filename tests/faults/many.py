"""Two hundred runs that wait, on as many places as this machine has, while dashboard and workers
are killed: ``python -m tests.faults.many [--runs 200] [--kills 5] [--seed 0]``.

Everything is real: `make lab`'s dashboard with a page open in it, its detached workers, runs that
train. At five random moments the dashboard, a worker that trains and sometimes the standby are
killed; the dashboard is started anew, and runs that were cut off are resumed, as a user would.
Then every run has finished with the numbers of one that nobody disturbed, no run was trained twice
but those that were cut off, and they began in their order.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # conftest, as pytest has it

from core.config import RunConfig
from core.jobs import control, launcher, waiting
from core.machine import slots
from core.runs import Run, RunStore
from core.runs.locks import is_locked
from tests.faults.kinds.dashboards import Dashboard
from tests.faults.laboratory import SETTINGS

STEPS = 12
STALLED = 120.0  # seconds without any run coming to its end


@dataclass
class Watch:
    """What was seen of the queue: in which order runs began, at each look those that did."""

    order: list[str]
    began: list[set[str]] = field(default_factory=list)

    def look(self, store: RunStore) -> None:
        """Note the runs that have left the queue for the first time."""
        known = set().union(*self.began)
        left = set(self.order) - set(waiting(store)) - known
        if left:
            self.began.append(left)

    def lateness(self) -> int:
        """Of the run that the most runs behind it overtook, how many those were."""
        place = {id: at for at, id in enumerate(self.order)}
        seen: list[int] = []
        most = 0
        for together in self.began:
            for id in together:
                most = max(most, sum(other > place[id] for other in seen))
            seen += [place[id] for id in together]
        return most


def killed(store: RunStore, rng: random.Random) -> int:
    """Kill a worker that trains, and now and then the standby; how many runs were cut off."""
    at_work = [run for run in store.list() if is_locked(run.path / "lock")]
    pids = [pid for run in rng.sample(at_work, min(1, len(at_work))) if (pid := _holder(run.path))]
    if rng.random() < 0.5 and is_locked(launcher.standby_lock(store)):
        pids += [int(launcher.standby_lock(store).read_text())]
    for pid in set(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(set(pids))


def _holder(folder: Path) -> int:
    try:
        return int((folder / "lock").read_text())
    except (OSError, ValueError):
        return 0  # it has just ended


def main() -> int:
    """Exit status 1 where anything is not as it should be; prints what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.many", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="many-") as folder:
        home = Path(folder)
        for name, where in (("XDG_RUNTIME_DIR", "registry"), ("ADDNORM_CACHE", "cache")):
            (home / where).mkdir()
            os.environ[name] = str(home / where)
        (home / "text.txt").write_text("the cat sat on a mat.\n" * 500)
        own = {"data.path": str(home / "text.txt"), "training.steps": STEPS}
        config = RunConfig.from_flat({**SETTINGS, **own, "training.checkpoint_every": 5})
        store = RunStore(home / "runs")
        runs = [launcher.add(store, config, f"run {n}") for n in range(asked.runs)]
        try:
            return _follow(store, runs, rng, asked.kills)
        finally:
            for _ in range(3):
                for lock in [launcher.standby_lock(store), *(run.path / "lock" for run in runs)]:
                    if is_locked(lock):
                        with contextlib.suppress(OSError, ValueError):
                            os.kill(int(lock.read_text()), signal.SIGKILL)
                time.sleep(0.2)


def _follow(store: RunStore, runs: list[Run], rng: random.Random, kills: int) -> int:
    watch = Watch(waiting(store))
    moments = sorted(rng.sample(range(5, len(runs) - 5), kills))
    began = moved = time.monotonic()
    done = hit = cut = 0
    dashboard = Dashboard(store)
    with contextlib.ExitStack() as open_now:
        open_now.enter_context(dashboard)
        dashboard.open()
        while True:
            watch.look(store)
            states = [run.status for run in runs]
            finished = states.count("finished")
            if finished != done:
                done, moved = finished, time.monotonic()
            if done == len(runs):
                break
            if time.monotonic() - moved > STALLED:
                print(f"nothing has moved for {STALLED:.0f} s: {_counted(states)}")
                return 1
            if moments and done >= moments[0]:
                moments.pop(0)
                os.kill(dashboard.process.pid, signal.SIGKILL)
                hit += 1 + killed(store, rng)
                open_now.close()
                open_now.enter_context(dashboard)
                dashboard.open()
            for run, state in zip(runs, states, strict=True):
                if state == "interrupted":
                    cut += 1
                    control(store, run, "resume")
            time.sleep(0.01)
        seconds = time.monotonic() - began
    starts = [sum(event["kind"] == "start" for event in run.events) for run in runs]
    losses = [run.series("loss/train")[1] for run in runs]
    wrong = sum(not np.array_equal(one, losses[0]) or len(one) != STEPS for one in losses)
    twice = sum(starts) - len(runs)
    late, places = watch.lateness(), slots("cpu")
    print(
        f"{len(runs)} runs on {places} places in {seconds:.0f} s; {hit} processes killed at"
        f" {kills} moments, {cut} runs cut off and resumed\n"
        f"finished: {done}; with other numbers: {wrong}; started more than once: {twice}"
        f" (of the {cut} cut off); the latest was overtaken by {late}"
    )
    # As many may be taken at once as there are places; who was taken first is known no closer.
    return int(wrong > 0 or twice > cut or late >= places)


def _counted(states: list[str]) -> str:
    return ", ".join(f"{states.count(one)} {one}" for one in sorted(set(states)))


if __name__ == "__main__":
    sys.exit(main())
