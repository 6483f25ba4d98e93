"""What lessons read from people: formulas, vectors, answers that were kept."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, strategies

from core.lessons import by_hand
from core.lessons.formulas import LONGEST, Formula, FormulaError, UnknownError
from core.lessons.progress import Kept, Progress
from tests.inputs.hostile import check, some, texts, values

PARTS = [
    "a", "b", "1", "0", "-1", "9e99", "9", "**", "*", "/", "+", "-", "(", ")", "[", "]", ",", "==",
    "<", "in", "not", "and", "or", "'x'", "log", "exp", "max", "sqrt", "inf", "x=", ".", "lambda",
    "if", "else", "for", ":=", "await", "\0", "\ud800", "__import__", "{", "}", "f''", "...",
]  # fmt: skip
formulas = strategies.lists(strategies.sampled_from(PARTS), max_size=9).map(" ".join)


@some(1500)
@given(formulas | texts)
@example("9 ** 9 ** 9 ** 9")
@example("'x' * 9 ** 9")
@example("(" * LONGEST)
@example("-" * LONGEST)
@example("not " * (LONGEST // 4) + "a")
@example("a < 'x'")
def test_any_formula(text: str) -> None:
    try:
        formula = Formula(text)
    except FormulaError as error:
        check(error)
        return
    with contextlib.suppress(UnknownError):
        formula.value({"a": 2, "b": float("nan")}, {})


# Checks that ran before in this process may have told it to take the smallest floats for 0.
NUMBERS = strategies.floats(allow_subnormal=False)


@some(600)
@given(texts | strategies.lists(NUMBERS).map(lambda n: ", ".join(map(str, n))))
def test_any_vector(text: str) -> None:
    try:
        x = by_hand.vector(text)
    except ValueError as error:
        check(error)
        return
    found = by_hand.layer_norm(x, len(x) - 1)
    assert np.isfinite(found.y).all()
    assert np.isfinite(found.gradient).all()


@some(300)
@given(values)
def test_any_file_of_progress(value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for content in (value, {"schema": 1, "lessons": value}, {"lessons": {"a": value}}):
            patch.setattr("core.lessons.progress.read_json", lambda path, told=content: told)
            found = Progress(Path("/nowhere")).all()
            assert all(isinstance(one, Kept) for one in found.values())
            json.dumps({name: one.model_dump() for name, one in found.items()}, default=str)
