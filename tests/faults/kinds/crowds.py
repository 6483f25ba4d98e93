"""Two of everything that do the same at the same time."""

from __future__ import annotations

import os
import random
import signal
import time

from core.jobs import inspections, launcher
from tests.faults import processes
from tests.faults.case import Case
from tests.faults.laboratory import Laboratory, LostError, command, compare, look, train


def cases() -> list[Case]:
    """Two that do the same at the same time."""
    kinds = {
        "two workers on one run": _two_workers,
        "two standbys in one folder": _two_standbys,
        "two inspectors in one folder": _two_inspectors,
        "two servers of one folder": _two_servers,
        "two commands at once": _two_commands,
        "two trainings by command": _two_trainings,
    }
    return [Case(name, f"try {n}", act) for name, act in kinds.items() for n in range(6)]


def _two_workers(lab: Laboratory, rng: random.Random) -> None:
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        pids = [processes.start(lambda: processes.worker(run)) for _ in range(2)]
        if rng.random() < 0.5:
            processes.wait_for(lambda: run.alive or run.status == "finished")
            (run.path / "lock").unlink(missing_ok=True)
        pids.append(processes.start(lambda: processes.worker(run)))
        for pid in pids:
            processes.end(pid)
        starts = [e for e in run.events if e["kind"] == "start"]
        if len(starts) > 1:
            raise LostError(f"{len(starts)} workers trained the run")
        compare(run, lab.truth())


def _two_standbys(lab: Laboratory, rng: random.Random) -> None:
    with lab.store() as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        first = processes.start(lambda: processes.standby(store))
        time.sleep(rng.uniform(0, 0.3))
        if rng.random() < 0.5:
            launcher.standby_lock(store).unlink(missing_ok=True)
        second = processes.start(lambda: processes.standby(store))
        processes.wait_for(lambda: all(run.status == "finished" for run in runs))
        for pid in (first, second):
            processes.hit(pid, signal.SIGKILL, 0)
        for run in runs:
            compare(run, lab.truth())
            if sum(e["kind"] == "start" for e in run.events) != 1:
                raise LostError("a run was trained twice")
        look(store)


def _two_inspectors(lab: Laboratory, rng: random.Random) -> None:
    with lab.store("whole") as store:
        [run] = lab.copies(store)
        asked = [inspections.ask(store, run, "attention", step) for step in (10, 20, 30)]
        pids = [processes.start(lambda: processes.inspector(store)) for _ in range(2)]
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.3))
            inspections.inspector_lock(store.root).unlink(missing_ok=True)
            pids.append(processes.start(lambda: processes.inspector(store)))
        processes.wait_for(lambda: all(one.state in inspections.ENDED for one in asked))
        for pid in pids:
            processes.hit(pid, signal.SIGKILL, 0)
        for one in asked:
            if one.state != "done" or not one.result:
                raise LostError(f"a question is {one.record}")
        compare(run, lab.truth())
        look(store)


def _two_servers(lab: Laboratory, rng: random.Random) -> None:
    with lab.store("whole") as store:
        run = store.create(lab.config(), "trains")
        sockets = [processes.listen() for _ in range(2)]
        pids = [processes.start(lambda one=one: processes.server(one)) for one in sockets]
        worker = processes.start(lambda: processes.worker(run))
        live = f"/api/live?runs={run.id}&metrics=loss/train"
        for one in sockets * 3:
            processes.get(one, live)
        processes.end(worker)
        series = f"/api/series?run={run.id}&metric=loss/train"
        told = {processes.get(one, series) for one in sockets}
        for pid in pids:
            processes.hit(pid, signal.SIGKILL, 0)
        if len(told) != 1:
            raise LostError("two servers tell different numbers")
        compare(run, lab.truth())


def _two_trainings(lab: Laboratory, rng: random.Random) -> None:
    with lab.store() as store:
        asked = [f"--{name}={value}" for name, value in lab.settings.items()]
        pids = [processes.start(lambda: command("train", *asked)) for _ in range(2)]
        for pid in pids:
            processes.end(pid)
        runs = store.list()
        if [run.status for run in runs] != ["finished"] * 2:
            raise LostError(f"they are {[run.status for run in runs]}")
        for run in runs:
            compare(run, lab.truth())
        look(store)


def _two_commands(lab: Laboratory, rng: random.Random) -> None:
    with lab.store("killed", "whole") as store:
        killed, whole = lab.copies(store)
        verb, run = rng.choice([("resume", killed), ("delete", whole), ("stop", killed)])
        pids = [processes.start(lambda: _says(verb, run.id)) for _ in range(2)]
        for pid in pids:
            if processes.end(pid):
                raise LostError(f"runs {verb} has no sentence")
        look(store)
        if verb == "resume" and train(killed) == "finished":
            compare(killed, lab.truth())
        if verb == "delete":
            compare(store.restore(whole.id), lab.truth())


def _says(verb: str, id: str) -> None:
    status, said = command("runs", verb, id)
    os._exit(0 if status in (0, 2) and "Traceback" not in said else 1)
