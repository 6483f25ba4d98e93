"""Settings: what is accepted, what is refused, and in which words."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from core import presets
from core.config import RunConfig, adapt, applies, choices, explain, settings


def test_json_round_trip() -> None:
    config = RunConfig.from_flat({"model.depth": 3, "training.threads": 2, "probes.text": "é"})
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert '"schema":1' in config.model_dump_json()
    assert RunConfig.from_flat(config.flat()) == config


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"model": {"dept": 3}}, ["model.dept", "depth", "accepted"]),
        ({"modell": {}}, ["modell", "model"]),
        ({"model": {"depth": 0}}, ["model.depth", "1"]),
        ({"model": {"heads": 5}}, ["model.heads", "64", "accepted: 1, 2, 4"]),
        ({"model": {"placement": "above"}}, ["model.placement", "'pre'", "'post'"]),
        ({"model": {"placement": "none"}}, ["model.norm", "none"]),
        ({"model": {"norm": "none"}}, ["model.placement", "none"]),
        (
            {"model": {"positions": "rotary", "width": 12, "heads": 4}},
            ["model.positions", "even", "learned"],
        ),
        ({"model": {"dropout": 1.0}}, ["model.dropout"]),
        ({"training": {"threads": 0}}, ["training.threads", "auto"]),
        ({"training": {"threads": "many"}}, ["training.threads", "auto"]),
        ({"optimizer": {"learning_rate": float("nan")}}, ["optimizer.learning_rate", "finite"]),
        ({"optimizer": {"schedule": "cosine", "warmup_steps": 600}}, ["optimizer.warmup_steps"]),
        ({"data": {"corpus": "file"}}, ["data.path"]),
        ({"data": {"corpus": "tiny-shakespeare", "path": "x"}}, ["data.path"]),
        ({"probes": {"tokens": 65}}, ["probes.tokens", "model.context"]),
        ({"schema": 2}, ["schema", "2"]),
        ({"model": {"family": "mlp", "heads": 8}}, ["model.heads", "feed-forward", "accepted: 4"]),
        ({"model": {"family": "resnet", "placement": "post"}}, ["model.placement", "ResNet"]),
        ({"model": {"family": "resnet", "norm": "rms"}}, ["model.norm", "batch, group, none"]),
        ({"model": {"blocks_per_stage": 3}}, ["model.blocks_per_stage", "accepted: 2"]),
        ({"model": {"norm": "batch"}}, ["model.norm", "layer, rms"]),
        ({"data": {"corpus": "digits"}}, ["data.corpus", "accepted: python-reference"]),
        (
            {"model": {"family": "mlp", "context": 8}, "data": {"corpus": "digits"}},
            ["model.context", "image"],
        ),
        ({"model": {"family": "mlp"}, "probes": {"text": "a"}}, ["probes.text"]),
        (
            {"model": {"family": "resnet", "norm": "batch"}, "training": {"batch_size": 1}},
            ["training.batch_size", "2 or more"],
        ),
    ],
)
def test_refusals_name_the_setting(bad: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        RunConfig.model_validate(bad)
    sentence = explain(refusal.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence
        assert word.split(".")[-1] in str(refusal.value)


def test_conveniences() -> None:
    assert RunConfig.model_validate({"data": {"path": "x.txt"}}).data.corpus == "file"
    assert RunConfig.model_validate({"model": {"residual": False}}).model.residual == "off"
    assert RunConfig.from_flat({"model.depth": "12", "model.bias": "false"}).model.bias is False


def test_final_norm_auto() -> None:
    def resolved(**model: str) -> bool:
        return RunConfig.model_validate({"model": model}).model.has_final_norm

    assert resolved(placement="pre")
    assert resolved(placement="pre", residual="off")
    assert resolved(placement="sandwich")
    assert not resolved(placement="post")
    assert resolved(placement="post", final_norm="on")
    assert not resolved(placement="none", norm="none")


def test_every_setting_has_words() -> None:
    for dotted, field in settings().items():
        assert field.title, dotted
        assert field.description.endswith("."), dotted
    assert {"layer", "rms", "batch", "none"} <= set(choices("model.norm"))
    assert choices("model.depth") == ()


def test_presets() -> None:
    first = presets.load("first-minute").config
    assert first.flat() == RunConfig().flat()
    lives, dies = (presets.load(n).config.flat() for n in ("pre-ln-lives", "post-ln-dies"))
    assert {n for n in lives if lives[n] != dies[n]} == {"model.placement"}
    with pytest.raises(ValueError, match="accepted: first-minute"):
        presets.load("unknown")


@pytest.mark.parametrize(
    "module",
    [
        "core.config",
        "core.presets",
        "core.estimate",
        "core.runs",
        "core.jobs",
        "core.jobs.inspections",
        "core.anatomy",
        "core.anatomy.operations",
        "core.data.corpora",
        "dashboard.app",
        "dashboard.main",
        "dashboard.lab.switches",
    ],
)
def test_importing_does_not_import_torch(module: str) -> None:
    code = (
        "import sys, importlib.util as u\n"
        f"import {module.rpartition('.')[0] or module} as package\n"
        f"spec = u.find_spec('{module}')\n"
        "import ast; tree = ast.parse(open(spec.origin).read())\n"
        # A page is a script: what it imports counts, running it needs a browser.
        "for node in tree.body:\n"
        "    if isinstance(node, (ast.Import, ast.ImportFrom)):\n"
        "        exec(compile(ast.Module([node], []), spec.origin, 'exec'))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_core_needs_no_streamlit_and_no_plotly() -> None:
    code = (
        "import sys\n"
        "sys.modules['streamlit'] = sys.modules['plotly'] = None\n"
        "import core.__main__, core.jobs.training_worker, core.jobs.execute_run\n"
        "import core.jobs.inspection_worker\n"
        "from core.__main__ import main\n"
        "assert main(['runs', 'list']) == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_settings_of_another_family_at_their_defaults_are_ignored() -> None:
    config = RunConfig.model_validate({"model": {"family": "mlp", "heads": 4, "width": 18}})
    assert config.model.family == "mlp"
    assert RunConfig.model_validate({"model": {"family": "resnet"}}).data.corpus == "digits"
    assert RunConfig.model_validate({"model": {"family": "resnet", "norm": "none"}}).image
    for family in ("transformer", "mlp", "resnet"):
        flat = RunConfig.model_validate({"model": {"family": family}}).flat()
        off = {dotted for dotted in flat if applies(dotted, flat)}
        assert all(flat[dotted] == settings()[dotted].default for dotted in off)
        assert ("model.heads" in off) == (family != "transformer")
        assert ("model.blocks_per_stage" in off) == (family != "resnet")
        assert "training.seed" not in off


def test_a_family_sends_the_others_settings_back() -> None:
    default = RunConfig().flat()
    asked = {**default, "model.family": "resnet", "model.heads": 8, "probes.text": "a"}
    values = {**asked, **adapt(asked, default, "model.family")}
    config = RunConfig.from_flat(values)
    assert (config.model.norm, config.data.corpus) == ("batch", "digits")
    back = {**values, "model.family": "transformer"}
    assert RunConfig.from_flat({**back, **adapt(back, default, "model.family")}).flat() == default
