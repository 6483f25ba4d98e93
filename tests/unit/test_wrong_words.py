"""Any word for any setting, wherever it is typed: a run, or one sentence that names the setting."""

from pathlib import Path

import pytest

from core import grids
from core.__main__ import main
from core.config import choices, settings
from core.runs import RunStore

NESTED = "[" * 5000
WORDS = ["transformr", " ", "-1", "1e999", "nan", "[1", "[{}]", NESTED, "0-3: placement=pst",
         "²/0: residual=off", "9" * 5000, "\0", "\udcff"]  # fmt: skip
PLAIN = [*WORDS[:-1], 10**30, -1, 1.5, True, [], [[]], [1], {}, {"a": 1}, float("nan")]


class StartedError(Exception):
    """A run would have been made."""


@pytest.fixture(autouse=True)
def _no_runs(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StartedError

    monkeypatch.setattr(RunStore, "create", refuse)


@pytest.mark.parametrize("dotted", settings())
def test_a_wrong_word_on_the_command_line(dotted: str, capsys: pytest.CaptureFixture[str]) -> None:
    for word in WORDS:
        try:
            status = main(["train", f"--{dotted}={word}"])
        except StartedError:
            assert dotted not in ("model.family", "model.depth"), word
            assert not choices(dotted), word
            continue
        said = capsys.readouterr().err
        assert status == 2, word[:20]
        assert said.count("\n") == 1
        assert dotted in said
        assert len(said) < 1000


def test_every_choice_refuses_a_word_that_it_does_not_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = [dotted for dotted in settings() if choices(dotted)]
    assert len(there) > 10
    for dotted in there:
        assert main(["train", f"--{dotted}", f"{choices(dotted)[0]}x"]) == 2
        said = capsys.readouterr().err
        assert dotted in said
        assert choices(dotted)[-1] in said  # what is accepted


@pytest.mark.parametrize("preset", ["", "x", "../presets/classic", "\0", "a" * 5000])
def test_a_wrong_preset(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"--preset={preset}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "first-minute" in said


@pytest.mark.parametrize("dotted", settings())
def test_a_wrong_word_in_a_sweep(dotted: str) -> None:
    for word in PLAIN:
        for table in (
            {"base": {dotted: word}, "grid": {"model.depth": [1]}},
            {"grid": {dotted: [word]}},
            {"grid": {dotted: word}},
        ):
            sentence = ""
            try:
                grids.from_table(table).plan()
            except grids.GridError as error:
                sentence = str(error)
            assert "\n" not in sentence
            assert len(sentence) < 1000, word


@pytest.mark.parametrize(
    "text",
    [
        "", "\0", "x", "[", "grid = 5", "grid = [1]", "base = 5\n[grid]\n'model.depth' = [1]",
        "name = [1]\n[grid]\n'model.family' = ['transformr']", "preset = ['classic']",
        f"grid = {NESTED}", "seeds = 'x'\n[grid]\n'model.depth' = [1]", "[grid.model.depth.more]",
        "[[grid]]\nx = 1",
    ],
)  # fmt: skip
def test_a_wrong_sweep_file(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(text)
    assert main(["sweep", str(file), "--dry-run"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
