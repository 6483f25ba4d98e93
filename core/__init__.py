"""The library behind Add & Norm Lab: models, training, probes and the run directory.

It knows no Streamlit and runs headless. For notebooks and scripts:

    import core

    run = core.train(depth=4, steps=200)
    twin = core.train(depth=4, steps=200, placement="post")
    core.compare(run, twin)
    run.plot("loss")

`core.judge(run)` says what became of one, `core.find("part of its id")` opens one of the runs
folder, `core.RunStore().list()` all of them. Importing `core` imports none of what it names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.programs.comparison import Comparison
    from core.programs.training import compare, find, train
    from core.runs import Run, RunStore
    from core.verdicts.verdict import judge

__all__ = ["Comparison", "Run", "RunStore", "compare", "find", "judge", "train"]

_WHERE = {
    "Comparison": "core.programs.comparison",
    "compare": "core.programs.training",
    "find": "core.programs.training",
    "judge": "core.verdicts.verdict",
    "train": "core.programs.training",
    "Run": "core.runs",
    "RunStore": "core.runs",
}


def __getattr__(name: str) -> Any:
    """What notebooks use, imported when it is first asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
