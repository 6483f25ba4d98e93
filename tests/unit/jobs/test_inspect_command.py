"""``python -m core inspect``: options stand anywhere among its words."""

import itertools
import json

import pytest

from core import cli
from core.__main__ import main
from core.anatomy import KINDS
from core.runs import RunStore
from tests.subjects import trained


def test_the_answer_is_the_same_wherever_the_options_stand(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(store)
    here, step = ["--runs-dir", str(store.root)], ["--step", str(run.checkpoints[-1])]
    for words in (
        [*here, run.id, "score", "windows=3"],
        [run.id, *here, "score", "windows=3"],
        [run.id, "score", *here, "windows=3"],
        [run.id, "score", *here, "text=", *step, "windows=3"],
        [run.id, "score", "text=", *step, "windows=3", *here],
        [*step, run.id, *here, "score", "windows=3", "text="],
    ):
        assert main(["inspect", *words]) == 0, words
        assert json.loads(capsys.readouterr().out)["windows"] == 3, words
    for bad, words in {
        ("score", "--stap", "30", "windows=3"): "stap is not an option",
        ("score", *here, "windows"): "windows: write it as name=value",
    }.items():
        assert main(["inspect", run.id, *bad]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_its_words_between_options(kind: str) -> None:
    parser = cli.Parser(prog="core")
    cli.inspect.add_parser(parser.add_subparsers())
    words, options = ["run", kind, "windows=31", "seed=2"], ["--runs-dir", "D", "--step", "30"]
    for first, second in itertools.combinations_with_replacement(range(len(words) + 1), 2):
        typed = [*words[:first], *options[:2], *words[first:second], *options[2:], *words[second:]]
        found = parser.parse_args(["inspect", *typed])
        assert (found.id, found.kind, found.parameters) == ("run", kind, words[2:]), typed
        assert (found.runs_dir, found.step) == ("D", 30)
