"""Runs that were trained here, as folders that `transformers` loads."""

import pytest
import torch

from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.config import RunConfig
from core.pretrained.export import export
from core.pretrained.tensors import PretrainedError
from core.runs import RunStore
from tests.loops import train

transformers = pytest.importorskip("transformers")

SMALL = {"model.depth": 2, "model.width": 16, "model.heads": 2, "model.context": 16}
GATED = {
    "model.norm": "rms",
    "model.activation": "swiglu",
    "model.positions": "rotary",
}
FITTING = {
    "GPT2LMHeadModel": {},
    "GPT2LMHeadModel, tied": {"model.tie_embeddings": True, "model.activation": "gelu_tanh"},
    "LlamaForCausalLM": {**GATED, "model.bias": False},
    "LlamaForCausalLM, with biases": GATED,
    "Qwen3ForCausalLM": {**GATED, "model.bias": False, "model.qk_norm": "head"},
    "Olmo2ForCausalLM": {
        **GATED,
        "model.bias": False,
        "model.qk_norm": "width",
        "model.placement": "reordered",
    },
}
REFUSED = {
    "model.placement post": {"model.placement": "post"},
    "model.residual off": {"model.residual": "off"},
    "model.positions alibi": {"model.positions": "alibi"},
    "model.placement sandwich": {**GATED, "model.placement": "sandwich"},
    "model.norm none": {"model.norm": "none", "model.placement": "none"},
    "model.family mlp": {"model.family": "mlp", "model.heads": 4},
}  # fmt: skip


def run_of(store: RunStore, settings: dict[str, object]):
    """A run of a few steps."""
    config = RunConfig.from_flat({**SMALL, "training.steps": 3, **settings}, name="a | run")
    return train(store, config)


@pytest.mark.parametrize("case", FITTING)
def test_a_run_is_loaded_by_transformers_with_the_same_logits(case, tmp_path):
    run = run_of(RunStore(tmp_path / "runs"), FITTING[case])
    family = export(run, tmp_path / "out")
    assert family.architecture == case.split(",")[0]
    checkpoint = LoadedCheckpoint(run, 3)
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(report[what] for what in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    text = run.corpus["probe_text"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    assert ids.tolist() == [run.corpus["probe_tokens"]]
    assert tokenizer.decode(ids[0]) == text
    with torch.no_grad():
        mine, other = checkpoint.model(ids), theirs.eval()(ids).logits
    assert mine.std() > 0.1
    torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("setting", REFUSED)
def test_what_has_no_twin_there_is_refused_with_the_setting(setting, tmp_path):
    run = run_of(RunStore(tmp_path / "runs"), REFUSED[setting])
    with pytest.raises(PretrainedError, match=setting):
        export(run, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_a_bias_of_the_head_has_no_place_there(tmp_path):
    run = run_of(RunStore(tmp_path / "runs"), {"model.head_bias": True})
    with pytest.raises(PretrainedError, match=r"head\.bias has no place"):
        export(run, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_the_model_card_has_the_runs_own_numbers(tmp_path):
    run = run_of(RunStore(tmp_path / "runs"), {})
    export(run, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    steps, values = run.series("loss/validation")
    assert steps[-1] == 3
    assert f"| validation loss | {values[-1]:.4f} nats |" in text
    assert f"| SHA-256 of the corpus | {run.corpus['sha256']} |" in text
    assert "--model.depth 2" in text
    assert "# a \\| run" in text
