"""Laws of wirings that no claim of core.evidence names by itself; test_evidence.py has the others.

Bands around measurements on an independent implementation, the mean of four seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

import pytest
import torch

from core.anatomy import Silent
from core.evidence.measure.networks import Lab
from core.evidence.measure.sizes import final_size
from core.runs import RunStore

SEEDS = (0, 1, 2, 3)
# ‖h‖²/d after 6, 12 and 24 layers, and the factor by which four seeds' mean may miss it.
SIZES = {
    "post-LN": ((1, 1, 1), 1.001),
    "reordered": ((13, 25, 49), 1.1),
    "Admin": ((1, 1, 1), 1.001),
    "ReZero": ((1, 1, 1), 1.05),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SIZES)
def test_size_of_the_stream(name: str, store: RunStore) -> None:
    sizes, factor = SIZES[name]
    found = final_size(Lab(SEEDS, Silent(), store), name).values
    for depth, size in zip((6, 12, 24), sizes, strict=True):
        middle = mean(found[f"size-{depth}"])
        assert size / factor < middle < size * factor, (depth, middle)
