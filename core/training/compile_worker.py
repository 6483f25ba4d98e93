"""``python -m core.training.compile_worker``: compiles a kind of steps and measures it.

Reads the kind as JSON on standard input. Runs beside a training at a lower priority, so that the
training goes on meanwhile; it leaves its code and its decision on the disk, and ends with its
parent. Of several at once on a machine one works.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from core.language import Message, reason
from core.models import build_model
from core.runs.locks import Lock
from core.training import compiling
from core.training.compiling import Decision, Kind, Loss
from core.training.devices import precision

MODULE = "core.training.compile_worker"
BUSY = 75  # the exit status of one that found another at work (EX_TEMPFAIL)
NICE = 10
STEPS = 30  # of each loop, in turns
READY = "--ready"  # in a process of its own: how long until code on the disk is ready
PR_SET_PDEATHSIG = 1


def start(kind: Kind, niceness: int = NICE) -> subprocess.Popen[str]:
    """Measure beside this process, which goes on. Its exit status is 0, or `BUSY`."""
    worker = subprocess.Popen(
        [sys.executable, "-m", MODULE, str(niceness)],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert worker.stdin is not None
    with suppress(BrokenPipeError):  # it ended at once; its status says so
        worker.stdin.write(json.dumps(kind.told()))
        worker.stdin.close()
    return worker


def main() -> int:
    """Compile, measure, write it down."""
    _end_with_parent()
    with suppress(OSError):  # what it starts itself is as nice as it is
        os.nice(sum(int(word) for word in sys.argv[1:] if word.isdecimal()))
    told = sys.stdin.read()
    kind = Kind.read(json.loads(told))
    if READY in sys.argv:
        print(time_to_ready(kind))
        return 0
    lock = Lock(compiling.code_folder() / "measuring.lock")
    compiling.code_folder().mkdir(parents=True, exist_ok=True)
    if not lock.acquire():
        return BUSY
    decide(kind).keep(kind)
    compiling.trim()
    return 0


def decide(kind: Kind) -> Decision:
    """What is measured of a kind; why it can't be compiled where it can't."""
    try:
        eager, compiled = measure(kind)
        again = subprocess.run(
            [sys.executable, "-m", MODULE, READY],
            cwd=Path(__file__).resolve().parents[2],
            input=json.dumps(kind.told()),
            capture_output=True,
            text=True,
            check=True,
        )
        return Decision(eager, compiled, float(again.stdout.split()[-1]))
    except Exception as error:  # whatever a compiler says
        text = reason(error) if isinstance(error, OSError) else str(error)
        words = text.strip().splitlines() or [type(error).__name__]
        return Decision(failed=Message("it can't be compiled: {why}", why=words[0][:300]))


def measure(kind: Kind) -> tuple[float, float]:
    """Seconds of a forward and backward pass, eager and compiled, in turns.

    The lower half counts: what another program takes away makes a pass longer, never shorter.
    """
    model, inputs, targets = made(kind)
    loops = (compiling.eager(model), compiling.compiled(model, kind.threads, inputs.device))
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(STEPS + 3):
        for loss, found in zip(loops, seconds, strict=True):
            took = _pass(kind, loss, model, inputs, targets)
            if turn >= 3:
                found.append(took)
    eager, compiled = (statistics.median(sorted(found)[: STEPS // 2]) for found in seconds)
    return eager, compiled


def time_to_ready(kind: Kind) -> float:
    """Seconds of a new process until code that lies on the disk has run once, torch's own reading
    left out."""
    model, inputs, targets = made(kind)
    started = time.perf_counter()
    _pass(kind, compiling.compiled(model, kind.threads, inputs.device), model, inputs, targets)
    return time.perf_counter() - started


def _pass(kind: Kind, loss: Loss, model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    started = time.perf_counter()
    with precision(kind.precision, inputs.device):
        value = loss(inputs, targets)
    value.backward()
    if inputs.is_cuda:
        torch.cuda.synchronize()
    took = time.perf_counter() - started
    for parameter in model.parameters():
        parameter.grad = None
    return took


def made(kind: Kind) -> tuple[nn.Module, Tensor, Tensor]:
    """A new network of a kind, and random inputs and targets of its shapes."""
    torch.set_num_threads(kind.threads)
    torch.set_flush_denormal(True)
    device = torch.device(kind.device)
    model = build_model(kind.model, kind.vocabulary, kind.shape).to(device)
    if kind.shape is None:
        inputs = torch.randint(kind.vocabulary, kind.inputs)
    else:
        inputs = torch.randn(kind.inputs)
    targets = torch.randint(kind.vocabulary, kind.targets)
    return model, inputs.to(device), targets.to(device)


def _end_with_parent() -> None:
    parent = os.getppid()
    with suppress(OSError, AttributeError):  # another system
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(BUSY)


if __name__ == "__main__":
    sys.exit(main())
