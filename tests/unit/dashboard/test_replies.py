"""The replies that the browser's tests are fed have the shape of what the routes answer today."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.routing import Route

from dashboard.api import ROUTES, types
from dashboard.api.replies import REPLIES as REPLIES_OF
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


def test_the_browsers_types_are_written_from_the_replies():
    written = types.TYPES.read_text("utf-8")
    assert written == types.declarations(), "run python -m dashboard.api.types"


def test_every_route_that_answers_in_json_is_described():
    told = {route.path for route in ROUTES if isinstance(route, Route)}
    others = {path for path in told if "assets" in path or path.endswith(("{source}", "{name}"))}
    others |= {path for path in told if path.endswith(("{head:int}", "/result"))}
    assert set(REPLIES_OF) == told - others


def test_a_reply_of_another_shape_is_refused():
    kind = TypeAdapter(REPLIES_OF["/api/live"])
    counts = {"training": 0, "paused": 0, "waiting": 1}
    run = {"state": "running", "step": 3, "steps": 9}
    kind.validate_json(json.dumps({"counts": counts, "runs": [run, {"gone": True}]}))
    for wrong in ({"state": "training"}, {"step": 2.5}, {"more": 1}, {"loss": [1]}):
        with pytest.raises(ValidationError):
            kind.validate_json(json.dumps({"counts": counts, "runs": [{**run, **wrong}]}))


def test_a_changed_reply_has_another_shape():
    reply = {"m": {"loss/train": {"from": 0, "s": [0, 1], "v": [1.5, None]}}}
    same = {"m": {"loss/train": {"from": 7, "s": [3, 9, 1], "v": [2, 4.5]}}}
    assert shape(reply) == shape(same)
    assert shape(reply) != shape({"m": {"loss/train": {"from": 0, "s": "0,1", "v": [1.5]}}})
    assert shape(reply) != shape({"m": {"loss/train": {"since": 0, "s": [0], "v": [1.5]}}})
