"""``python -m tests.compiled_networks [NAME ...]``: compiled steps against plain ones, at length.

Each network of `test_same_losses.py` is trained for 50 steps twice: the plain way without probes,
and compiled with them. Printed is the largest relative difference of a loss; the exit status is 1
where one exceeds 1e-5. A few minutes on a processor; `tests/unit/training/test_compiled.py` has
three of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.unit.training.test_same_losses import NETWORKS, losses

MOST = 1e-5


def difference(name: str) -> float:
    """The largest relative difference of the losses of a network's steps, compiled and plain."""
    with tempfile.TemporaryDirectory() as folder:
        plain, compiled = (
            np.array(losses(name, Path(folder), more))
            for more in (
                {"training.compile": "off", "probes.every": 0},
                {"training.compile": "on"},
            )
        )
    return float(np.max(np.abs(compiled / plain - 1)))


def main() -> int:
    """Print each network's difference."""
    names = sys.argv[1:] or list(NETWORKS)
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        print(f"NAME: {unknown[0]} is none of them; accepted: {', '.join(NETWORKS)}")
        return 2
    worst = 0.0
    for name in names:
        found = difference(name)
        worst = max(worst, found)
        print(
            f"{name:28} {found:.1e}{'  more than ' + str(MOST) if found > MOST else ''}", flush=True
        )
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
