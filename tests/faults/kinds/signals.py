"""SIGKILL, SIGTERM and SIGSTOP at a random moment to each process that has something to lose."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

from core import jobs
from core.jobs import launcher
from tests.faults import processes
from tests.faults.case import Case, went_on
from tests.faults.laboratory import Laboratory, LostError, command, compare, look


def cases() -> list[Case]:
    """Each process, ended or halted at a random moment."""
    kinds = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGSTOP": signal.SIGSTOP}
    whom: dict[str, Callable[[Laboratory, random.Random, int], None]] = {
        "worker": _worker,
        "standby": _standby,
        "inspector": _inspector,
        "routes": _routes,
        "command line": _command_line,
    }
    return [
        Case(
            f"{name}{' and SIGCONT' if name == 'SIGSTOP' else ''} to the {process}",
            f"try {n}",
            lambda lab, rng, act=act, number=number: act(lab, rng, number),
        )
        for name, number in kinds.items()
        for process, act in whom.items()
        for n in range(12 if process == "worker" else 4)
    ]


def _worker(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        run = store.create(lab.config(), "trains")
        pid = processes.start(lambda: processes.worker(run))
        processes.wait_for(lambda: run.status != "queued")
        processes.hit(pid, number, rng.uniform(0, lab.seconds))
        went_on(lab, store, run)


def _standby(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        runs = [launcher.add(store, lab.config(), f"queued {n}") for n in range(2)]
        pid = processes.start(lambda: processes.standby(store))
        processes.hit(pid, number, rng.uniform(0, 3 * lab.seconds))
        for _ in range(3):  # a run that was under way when its worker ended waits for a user
            for run in runs:
                if run.status in ("interrupted", "stopped"):
                    jobs.control(store, run, "resume")
            if all(run.status == "finished" for run in runs):
                break
            processes.end(processes.start(lambda: processes.standby(store)))
        for run in runs:
            if run.status != "finished":
                raise LostError(f"{run.name} is {run.status}: {run.record.message}")
            compare(run, lab.truth())
        look(store)


def _inspector(lab: Laboratory, rng: random.Random, number: int) -> None:
    from core.jobs import inspections

    with lab.store("whole") as store:
        [run] = lab.copies(store)
        for n in range(3):
            question = inspections.ask(store, run, "attention")
            pid = processes.start(lambda: processes.inspector(store))
            if n:
                ended = lambda asked=question: asked.state in inspections.ENDED  # noqa: E731
                processes.wait_for(ended)
            processes.hit(pid, signal.SIGKILL if n else number, 0 if n else rng.uniform(0, 1))
            if question.state == "done":
                break
        else:
            raise LostError(f"the question is {question.record}")
        compare(run, lab.truth())
        look(store)


def _routes(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store("whole") as store:
        run = store.create(lab.config(), "trains")
        socket = processes.listen()
        server = processes.start(lambda: processes.server(socket))
        worker = processes.start(lambda: processes.worker(run))
        processes.get(socket, f"/api/live?runs={run.id}&metrics=loss/train")
        processes.hit(server, number, rng.uniform(0, lab.seconds), finish=False)
        again = processes.start(lambda: processes.server(socket))
        processes.end(worker)
        reply = processes.get(socket, f"/api/series?run={run.id}&metric=loss/train")
        processes.hit(again, signal.SIGKILL, 0)
        if f'"{run.id}"' not in reply and "loss" not in reply and len(reply) < 100:
            raise LostError(f"the server says {reply[:100]}")
        compare(run, lab.truth())


def _command_line(lab: Laboratory, rng: random.Random, number: int) -> None:
    with lab.store() as store:
        asked = [f"--{name}={value}" for name, value in lab.settings.items()]
        pid = processes.start(lambda: command("train", *asked))
        processes.wait_for(lambda: store.list())
        [run] = store.list()
        processes.wait_for(lambda: run.status not in ("queued", "starting"))
        processes.hit(pid, number, rng.uniform(0, lab.seconds))
        went_on(lab, store, run)
