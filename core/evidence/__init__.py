"""Published claims as runnable checks. Importing this package does not import torch.

A claim is a row of :mod:`core.evidence.claims`: its sentence, paper, formula, setting and expected
band. What measures it is a function ``(lab, **arguments) -> Measured`` of
:mod:`core.evidence.measure`, a module a group. :func:`core.evidence.run.measure` does one check;
its :class:`Record` is kept as a file (:mod:`core.evidence.kept`).
"""

from core.evidence.claim import Axes, Claim, Measured, Paper, Quantity, Series
from core.evidence.record import Record, Value
from core.evidence.registry import CLAIMS, GROUPS, named

__all__ = [
    "CLAIMS",
    "GROUPS",
    "Axes",
    "Claim",
    "Measured",
    "Paper",
    "Quantity",
    "Record",
    "Series",
    "Value",
    "named",
]
