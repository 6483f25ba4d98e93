"""How far off the estimate of memory is: the peak of a process that trains, against `needed_bytes`.

``python -m tests.benchmarks.memory [NAME ...]``. Each network trains three steps, with probes,
evaluation and checkpoint, in a copy of a process that has torch; Linux says its highest resident
size. The estimate is to be above it and less than half as much again.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from core.config import RunConfig
from core.estimate import needed_bytes
from core.jobs.admission import letters
from core.runs import RunStore

SHORT = {
    **{"training.steps": 3, "training.evaluate_every": 0, "training.checkpoint_every": 0},
    **{"training.device": "cpu", "training.threads": 1, "probes.every": 1},
}
WIDE = {
    **{"model.width": 256, "model.heads": 4, "model.depth": 6, "model.context": 256},
    "training.batch_size": 32,
}
DEEP = {
    **{"model.width": 128, "model.heads": 4, "model.depth": 48, "model.context": 128},
    "training.batch_size": 16,
}
LONG = {
    **{"model.width": 128, "model.heads": 4, "model.depth": 4, "model.context": 2048},
    "training.batch_size": 4,
}
BIG = {
    **{"model.width": 1024, "model.heads": 8, "model.depth": 6, "model.context": 64},
    "training.batch_size": 4,
}
MLP = {"model.family": "mlp", "model.width": 512, "model.depth": 12, "training.batch_size": 4096}
RESNET = {
    **{"model.family": "resnet", "data.corpus": "digits", "model.width": 32},
    **{"model.norm": "batch", "model.blocks_per_stage": 2, "training.batch_size": 256},
}
PARTS, AGAIN = {"training.accumulate": 8}, {"training.recompute": True}
NETWORKS: dict[str, dict[str, object]] = {
    "default": {},
    "wide": WIDE,
    "wide, in 8 parts": {**WIDE, **PARTS},
    "wide, recomputed": {**WIDE, **AGAIN},
    "wide, both": {**WIDE, **PARTS, **AGAIN},
    "wide, dropout": {**WIDE, "model.dropout": 0.1},
    "wide, dropout, recomputed": {**WIDE, **AGAIN, "model.dropout": 0.1},
    "wide, ALiBi": {**WIDE, "model.positions": "alibi"},
    "wide, SwiGLU": {**WIDE, "model.activation": "swiglu", "model.positions": "rotary"},
    "deep": DEEP,
    "deep, recomputed": {**DEEP, **AGAIN},
    "long": LONG,
    "long, recomputed": {**LONG, **AGAIN},
    "many weights": BIG,
    "mlp": MLP,
    "mlp, in 8 parts": {**MLP, **PARTS},
    "mlp, recomputed": {**MLP, **AGAIN},
    "resnet": RESNET,
    "resnet, recomputed": {**RESNET, **AGAIN},
    "resnet, groups, in 8 parts": {**RESNET, **PARTS, "model.norm": "group"},
}


def peak(config: RunConfig) -> int:
    """The highest resident size, in bytes, of a copy of this process that trains."""
    read, write = os.pipe()
    if os.fork() == 0:
        from core.training.control import NullControl
        from core.training.trainer import Trainer

        with tempfile.TemporaryDirectory() as folder:
            Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
            Trainer(RunStore(folder).create(config), NullControl()).train()
            lines = Path("/proc/self/status").read_text().splitlines()
            [highest] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        os.write(write, highest.encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="ascii") as pipe:
        told = pipe.read()
    os.wait()
    return 1024 * int(told)


def main() -> None:
    """Print peak, estimate and how much the latter is too high."""
    from core.jobs.execute_run import warm

    warm()
    print(f"{'':<28}{'peak, MB':>10}{'estimate':>10}{'ratio':>8}")
    for name in sys.argv[1:] or NETWORKS:
        config = RunConfig.from_flat({**SHORT, **NETWORKS[name]})
        found, need = peak(config), needed_bytes(config, letters(config) or 0)
        print(
            f"{name:<28}{found / 1e6:>10,.0f}{need / 1e6:>10,.0f}{need / found:>8.2f}", flush=True
        )


if __name__ == "__main__":
    main()
