"""Text of others on a terminal: in one line, and not obeyed."""

from __future__ import annotations

import json

import pytest

from core.__main__ import main
from core.runs import RunStore
from core.shown import lines, one_line, printable_json
from tests.fake_runs import finished

EVIL = "a\x1b[2J\r\nfake: line\x9b31m\u202eb\ud800"


def test_what_a_terminal_obeys_is_escaped() -> None:
    assert one_line(EVIL) == r"a\x1b[2J\r\nfake: line\x9b31m\u202eb\ud800"
    assert one_line("naïve 漢字 🧑\u200d🔬 1\u00a0kB") == "naïve 漢字 🧑\u200d🔬 1\u00a0kB"


def test_a_long_text_is_cut_in_its_middle() -> None:
    said = one_line("number " + "9" * 5000 + "; accepted: 1 to 3", 100)
    assert len(said) == 100
    assert said.startswith("number 9")
    assert said.endswith("; accepted: 1 to 3")


def test_a_text_of_several_lines_keeps_them() -> None:
    assert lines("to\tbe\nor\x1b[0m not\r") == "to\tbe\nor\\x1b[0m not\\r"


def test_json_is_the_same_value() -> None:
    value = {"name": EVIL, "more": ["é", 1.5]}
    for indent in (None, 1):
        text = printable_json(value, indent)
        assert json.loads(text) == value
        assert all(c.isprintable() or c == "\n" for c in text)
    assert "é" in printable_json(value)


def test_a_name_does_not_reach_the_terminal_as_it_is(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(store, steps=10)
    name = EVIL.replace("\ud800", "")
    run.update_meta(name=name, note=name, tags=[name])
    for words in (["list"], ["list", "--json"], ["show", run.id], ["delete", run.id], ["trash"]):
        assert main(["runs", *words]) == 0
        said = "".join(capsys.readouterr())
        assert not [c for c in said if not c.isprintable() and c != "\n"], words
    assert main(["runs", "show", f"no\x1b[2J\n{run.id}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said
