"""Settings from JSON, from dotted names, from TOML files, and the short forms of layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies
from pydantic import ValidationError

from core import grids
from core.config import RunConfig, choices, explain, overrides, settings
from core.files import parse_json
from tests.inputs.hostile import TEXTS, check, some, texts, values

NAMES = [*settings()]
names = strategies.sampled_from(NAMES)
words = strategies.sampled_from([word for name in NAMES for word in choices(name)])


def refused(error: ValidationError) -> None:
    """A refusal that names what is wrong."""
    check(explain(error))


@some(1500)
@given(strategies.dictionaries(names, values | words, min_size=1, max_size=4))
def test_by_dotted_names(flat: dict[str, Any]) -> None:
    try:
        made = RunConfig.from_flat(flat)
    except ValidationError as error:
        refused(error)
        return
    again = RunConfig.model_validate_json(made.model_dump_json())
    assert again == made, "what is taken is kept as it is"


keys = strategies.sampled_from(["schema", "name", "model", "data", "training", "depth", "path"])
objects = strategies.recursive(
    values, lambda inner: strategies.dictionaries(keys | texts, inner, max_size=4), max_leaves=8
)


@some(700)
@given(objects)
@example([1])
@example({"schema": 2})
def test_as_json(content: Any) -> None:
    try:
        RunConfig.model_validate_json(json.dumps(content))
    except ValidationError as error:
        refused(error)


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_no_settings(text: str) -> None:
    try:
        found = RunConfig.model_validate(parse_json(text.encode("utf-8", "surrogatepass")))
    except ValueError:
        return
    assert found == RunConfig(), "{} names nothing"


@some(400)
@given(texts | strategies.text("0123456789-:/;=, placementnorm", max_size=30))
def test_layers_in_their_short_form(text: str) -> None:
    for dotted in ("model.overrides", "training.switches"):
        try:
            RunConfig.from_flat({dotted: text})
        except ValidationError as error:
            refused(error)
    try:
        overrides.typed(text)
    except ValueError as error:
        check(error)


tables = strategies.dictionaries(
    strategies.sampled_from(grids.KEYS) | texts,
    values | strategies.dictionaries(names | texts, values, max_size=2),
    max_size=4,
)


@some(500)
@given(tables)
def test_sweeps(table: dict[str, Any]) -> None:
    try:
        grids.from_table(table)
    except grids.GridError as error:
        check(error)


@some(300)
@given(strategies.binary(max_size=200) | texts.map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_sweep_files(content: bytes) -> None:
    path = Path("sweep.toml")
    path.write_bytes(content)
    try:
        grids.load(str(path))
    except grids.GridError as error:
        check(error)


@pytest.fixture(autouse=True, scope="module")
def _here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("sweeps"))
        yield
