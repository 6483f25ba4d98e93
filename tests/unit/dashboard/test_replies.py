"""The replies that the browser's tests are fed have the shape of what the routes answer today."""

import json
from typing import Any

import pytest

from tests.unit.dashboard.record_replies import REPLIES, SCENES, recorded


@pytest.fixture
def now(tmp_path, monkeypatch):
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path))
    return dict(recorded(tmp_path))


def shape(value: Any) -> Any:
    """Names, kinds and nesting; steps, counts and words are left out, numbers are one kind."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in sorted(value.items())}
    if isinstance(value, list):
        kinds = {json.dumps(shape(one)) for one in value if one is not None}
        return sorted(kinds)
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "text"


def test_the_recorded_replies_are_what_the_routes_answer(now):
    kept = {path.stem: json.loads(path.read_text("utf-8")) for path in REPLIES.glob("*.json")}
    assert set(kept) == set(SCENES)
    for name, record in now.items():
        said = f"{name}: run python -m tests.unit.dashboard.record_replies"
        assert kept[name]["metrics"] == record["metrics"], said
        assert len(kept[name]["ticks"]) == len(record["ticks"]), said
        for old, new in zip(kept[name]["ticks"], record["ticks"], strict=True):
            assert shape(old) == shape(new), said


def test_a_changed_reply_has_another_shape():
    reply = {"m": {"loss/train": {"from": 0, "s": [0, 1], "v": [1.5, None]}}}
    same = {"m": {"loss/train": {"from": 7, "s": [3, 9, 1], "v": [2, 4.5]}}}
    assert shape(reply) == shape(same)
    assert shape(reply) != shape({"m": {"loss/train": {"from": 0, "s": "0,1", "v": [1.5]}}})
    assert shape(reply) != shape({"m": {"loss/train": {"since": 0, "s": [0], "v": [1.5]}}})
