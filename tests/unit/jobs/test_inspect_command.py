"""``python -m core inspect``: options stand anywhere among its words."""

import itertools
import json
import subprocess
import sys

import pytest

from core import cli
from core.__main__ import main
from core.anatomy import KINDS, schemas
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


def test_help_lists_the_kinds_and_each_kind_its_parameters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["inspect", *words])
        assert ended.value.code == 0
        return capsys.readouterr().out

    every = said("--help")
    for kind, row in KINDS.items():
        assert f"{kind:<14}{row.about}\n" in every
        assert row.about.endswith(".")
        own = said("--help", kind)
        assert own == said("run", kind, "--help")
        for name, field in row.parameters.model_fields.items():
            assert f"  {name}=" in own
            assert f"{field.description} Accepted: " in own
            assert field.description.endswith(".")
            assert field.title
    score = said("--help", "score")
    assert "windows=256\n" in score
    assert "Accepted: a whole number from 1 to 100000." in score
    assert main(["inspect", "--help", "sole"]) == 2
    assert "accepted: attention" in capsys.readouterr().err


def test_schemas_describe_every_kind_without_torch() -> None:
    program = (
        "import json, sys; from core.anatomy import schemas; print(json.dumps(schemas()));"
        "assert 'torch' not in sys.modules"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    found = json.loads(made.stdout)
    assert found == schemas()
    assert list(found) == list(KINDS)
    assert {kind for kind, parts in found.items() if "stream" in parts} == {
        *("generate", "continuations", "lesion", "landscape1d", "landscape2d", "trajectory"),
    }
    windows = found["score"]["parameters"]["properties"]["windows"]
    assert (windows["type"], windows["minimum"], windows["maximum"]) == ("integer", 1, 100_000)
    nats = found["score"]["result"]["properties"]["nats"]
    assert [one["type"] for one in nats["anyOf"]] == ["number", "null"]
    assert nats["description"]
    operation = found["operate"]["parameters"]["properties"]["operations"]["items"]
    assert operation["properties"]["layer"]["type"] == "integer"


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
