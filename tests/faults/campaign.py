"""Runs cases side by side, each in a process of its own, and counts what was lost."""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import kinds
from tests.faults.case import Case, SkippedError
from tests.faults.kinds import dashboards
from tests.faults.laboratory import Laboratory, LostError, quiet

LIMIT = 120.0  # seconds for one case, on a busy machine; who hangs is ended


@dataclass(frozen=True)
class Outcome:
    """What became of a case: a sentence where something was lost, another where it was skipped."""

    case: Case
    seed: int
    lost: str = ""
    skipped: str = ""
    seconds: float = 0.0


SLOW = 4  # rounds from one whole dashboard to the next: each takes as long as twenty others


def sample(count: int, seed: int) -> list[tuple[Case, int]]:
    """So many cases and a seed for each: kinds in turn, so that each has its share."""
    rng = random.Random(seed)
    left = {kind: iter(found) for kind, found in kinds.every(rng)}
    chosen: list[tuple[Case, int]] = []
    turn = 0
    while left and len(chosen) < count:
        for kind, found in list(left.items()):
            if kind is dashboards and turn % SLOW and len(left) > 1:
                continue
            case = next(found, None)
            if case is None:
                del left[kind]
            elif len(chosen) < count:
                chosen.append((case, rng.randrange(2**31)))
        turn += 1
    return chosen


def run(chosen: Sequence[tuple[Case, int]], workers: int = 2) -> Iterator[Outcome]:
    """Each case as it ends. Forks, so the caller must not have trained anything itself."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lab = _prepared(Path(folder))
        waiting, running = list(reversed(chosen)), {}
        while waiting or running:
            while waiting and len(running) < workers:
                case, seed = waiting.pop()
                running[_start(lab, case, seed)] = (case, seed, time.monotonic())
            for pid, (case, seed, began) in list(running.items()):
                took = time.monotonic() - began
                found, _ = os.waitpid(pid, os.WNOHANG)
                if not found and took < LIMIT:
                    continue
                _end_all(pid)
                if not found:
                    os.waitpid(pid, 0)
                del running[pid]
                hang = "" if found else f"it hangs: no end after {LIMIT:.0f} s"
                yield _outcome(lab, pid, case, seed, hang, took)
            time.sleep(0.005)


def _prepared(folder: Path) -> Laboratory:
    os.environ |= {"OMP_NUM_THREADS": "1"}
    for name, where in (("XDG_RUNTIME_DIR", "registry"), ("ADDNORM_CACHE", "cache")):
        (folder / where).mkdir()
        os.environ[name] = str(folder / where)
    folder.chmod(0o777)
    _imported()
    quiet()
    lab = Laboratory(folder)
    pid = os.fork()
    if not pid:
        os._exit(_exit_of(lab.prepare))
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the runs of reference can't be trained")
    lab.known()
    return lab


def _imported() -> None:
    """All that cases need, read once before they are forked."""
    # Who becomes another user may not read them later, where Python belongs to the first.
    for name in ("utf_8_sig", "utf_16_le", "utf_32_le", "utf_32", "latin_1", "idna"):
        importlib.import_module(f"encodings.{name}")
    import torch._dynamo
    import uvicorn  # noqa: F401
    from starlette.testclient import TestClient  # noqa: F401

    import core.__main__
    import core.cli.runs
    import core.jobs.execute_run
    import core.jobs.inspection_worker
    import core.jobs.training_worker
    from tests import routes

    nobody = lambda store: None  # noqa: E731 - cases start the processes that they are about
    core.jobs.launcher.revive = nobody
    core.cli.runs.revive = core.cli.train.revive = nobody  # type: ignore[attr-defined]
    core.jobs.inspections.ensure = lambda *_: None  # type: ignore[assignment]
    torch.set_num_threads(1)
    routes.client()


def _start(lab: Laboratory, case: Case, seed: int) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    own = lab.folder / f"case-{os.getpid()}"
    own.mkdir()
    own.chmod(0o777)
    registry = own / "registry"
    registry.mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(registry)
    log = os.open(own / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    told = os.open(own / "outcome", os.O_WRONLY | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        case.act(lab, random.Random(seed))
        said = {}
    except SkippedError as error:
        said = {"skipped": str(error)}
    except BaseException as error:
        said = {"lost": _told(error)}
    os.write(told, json.dumps(said).encode())
    os._exit(0)


def _told(error: BaseException) -> str:
    if isinstance(error, LostError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = Path(where.filename).name
    return f"{type(error).__name__} in {name}, line {where.lineno}: {error}"[:300]


def _outcome(
    lab: Laboratory, pid: int, case: Case, seed: int, hang: str, seconds: float
) -> Outcome:
    own = lab.folder / f"case-{pid}"
    try:
        said = json.loads((own / "outcome").read_text())
        log = (own / "log").read_text(errors="replace")
    except (OSError, ValueError):
        said, log = {"lost": "its process ended without a word"}, ""
    lost = hang or said.get("lost", "")
    if not lost and "Traceback" in log:
        at = log.index("Traceback")
        lost = "a traceback: " + " | ".join(log[at:].strip().splitlines()[-3:])[-300:]
    shutil.rmtree(own, ignore_errors=True)
    return Outcome(case, seed, lost, said.get("skipped", ""), seconds)


def _end_all(leader: int) -> None:
    """Whoever else is left of a case: it leads a session of its own."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _exit_of(work: object) -> int:
    try:
        work()  # type: ignore[operator]
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


KINDS = (
    (re.compile("(a file of .* release), while .*"), r"\1"),
    (re.compile("a file .*, while (.*)"), r"a file of a run harmed in one of ten ways, while \1"),
    (re.compile("(SIG.*) to the .*"), r"\1 to one of six processes"),
    (re.compile("(10 MB of|NaN|metrics of|events of).*"), "metrics and events of another kind"),
    (re.compile("two .*"), "two that do the same at once"),
)


def kind_of(fault: str) -> str:
    """What a fault is one of, for a short table."""
    for pattern, kind in KINDS:
        if pattern.fullmatch(fault):
            return pattern.sub(kind, fault)
    return fault


def table(outcomes: Sequence[Outcome], short: bool = False) -> str:
    """Fault, times tried, lost; in Markdown."""
    rows: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        fault = outcome.case.fault
        rows.setdefault(kind_of(fault) if short else fault, []).append(outcome)
    lines = ["| fault | times tried | lost |", "|---|---:|---:|"]
    for fault, found in sorted(rows.items()):
        tried = [one for one in found if not one.skipped]
        skipped = f" ({len(found) - len(tried)} skipped)" if len(tried) < len(found) else ""
        lines.append(f"| {fault} | {len(tried)}{skipped} | {sum(bool(o.lost) for o in tried)} |")
    tried = [one for one in outcomes if not one.skipped]
    lines.append(f"| **all** | **{len(tried)}** | **{sum(bool(o.lost) for o in tried)}** |")
    return "\n".join(lines)
