"""Filters: a condition that can be asked of any run, or a refusal that names the column."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, strategies

from core.catalogue.filters import LONGEST, FilterError, parse
from tests.inputs.hostile import check, some, texts, values

PARTS = [
    "model.depth", "depth", "placement", "validation", "tags", "name", "state", "grid", "step",
    "==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "and", "or", "not", "(", ")", "[", "]",
    ",", "=", "#", "pre", "post", '"post"', "'a", "12", "1e400", "0x1", "1j", "b'x'", "...",
    "none",
    "true", "lambda", "x for x in y", "a.b", "*", "**", "+", "-", "@", ":", ";", "\\",
    "\0", "\ud800",
]  # fmt: skip
expressions = strategies.lists(strategies.sampled_from(PARTS) | texts, max_size=9).map(" ".join)
RUN = {
    "name": "a", "id": "b", "state": "finished", "tags": ["x"], "note": "", "grid": ["g", "h"],
    "step": 3, "validation": float("nan"), "loss": 1.5, "model.depth": 6, "model.placement": "pre",
    "probes.tokens": "auto", "words": "finished", "shown": "a",
}  # fmt: skip


@some(1500)
@given(expressions | texts)
@example("not " * (LONGEST // 4))
@example("(" * LONGEST)
@example("-" * 900 + "1 == depth")
@example("depth == " + "1" * 900)
@example("depth < " + "9" * 400 + " < validation")
def test_any_text(text: str) -> None:
    try:
        found = parse(text)
    except FilterError as error:
        check(error)
        return
    assert found.matches(RUN) in (True, False)
    assert found.matches({}) in (True, False)


@some(300)
@given(strategies.dictionaries(strategies.sampled_from([*RUN]), values), expressions)
def test_any_run(run: dict[str, Any], text: str) -> None:
    """What a damaged run says of itself fails a comparison, and no more."""
    try:
        found = parse(text)
    except FilterError:
        return
    assert found.matches(run) in (True, False)
