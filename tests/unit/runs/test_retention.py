"""What is kept of a run, and what its parts take."""

import json

import pytest

from core.__main__ import main
from core.runs import RunStore
from core.runs.retention import RULES, sizes
from tests.fake_runs import finished


def test_parts_add_up_to_the_run_and_the_command_line_shows_them(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(store, steps=20)
    found = sizes(run.path)
    assert sum(found.values()) == run.size()
    assert found["metrics"] > 0 < found["snapshots"]
    assert main(["runs", "show", run.id]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["bytes"]) == {*found}
    assert told["kept"] == RULES
    assert "newest 2 checkpoints" in RULES
    assert "200 MB" in RULES
