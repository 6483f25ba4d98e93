"""Random weights of every family: logits equal those of `transformers`, on the way in and out."""

import pytest
import torch

from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.pretrained.adopt import adopt
from core.pretrained.export import export
from core.pretrained.families import FAMILIES
from core.runs import RunStore
from tests.adopted import CONTEXT, HEADS, LAYERS, LETTERS, LLAMA, VOCABULARY, WIDTH, saved, shaken

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TOKENS = torch.randint(VOCABULARY, (2, CONTEXT), generator=torch.Generator().manual_seed(3))
BERT = {k: v for k, v in LLAMA.items() if not k.startswith(("rope", "rms", "num_key"))}
CASES = {
    "gpt2": ("GPT2", {"vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_embd": WIDTH,
                      "n_layer": LAYERS, "n_head": HEADS}),
    "gpt2 of its own hidden width, untied": (
        "GPT2", {"vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_embd": WIDTH, "n_inner": 40,
                 "n_layer": LAYERS, "n_head": HEADS, "tie_word_embeddings": False,
                 "activation_function": "relu"}),
    "llama": ("Llama", LLAMA),
    "llama tied, with biases": (
        "Llama", {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "mistral": ("Mistral", {**LLAMA, "sliding_window": 4096}),
    "qwen2": ("Qwen2", {**LLAMA, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {**LLAMA, "head_dim": WIDTH // HEADS}),
    "olmo2": ("Olmo2", LLAMA),
    "olmo3": ("Olmo3", {**LLAMA,
                        "num_hidden_layers": 4, "rope_parameters": {
                            f"{kind}_attention": LLAMA["rope_parameters"]
                            for kind in ("full", "sliding")}}),
    "bert": ("Bert", {**BERT, "type_vocab_size": 2, "hidden_act": "gelu"}),
}  # fmt: skip


def theirs_of(case: str):
    """Their network, each number moved at random so that a forgotten tensor shows."""
    name, settings = CASES[case]
    config = getattr(transformers, f"{name}Config")(**settings)
    kind = f"{name}LMHeadModel" if name == "GPT2" else f"{name}ForCausalLM"
    kind = "BertModel" if name == "Bert" else kind
    return shaken(getattr(transformers, kind)(config))


def says(model):
    """What a network of theirs says of the tokens: logits, or an encoder's last states."""
    with torch.no_grad():
        found = model(TOKENS)
    return found.logits if hasattr(found, "logits") else found.last_hidden_state


def same(mine, theirs):
    assert theirs.std() > 0.1, "the comparison needs something to compare"
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_logits_are_theirs_on_the_way_in_and_out(case, tmp_path):
    theirs = theirs_of(case)
    store = RunStore(tmp_path / "runs")
    run = adopt(store, str(saved(theirs, tmp_path / "source")))
    assert run.status == "finished"
    assert run.source["family"] == case.split()[0]
    ours = LoadedCheckpoint(run, 0).model
    with torch.no_grad():
        if case == "bert":
            same(ours.trace(TOKENS)["final_norm.out"], says(theirs))
        else:
            same(ours(TOKENS), says(theirs))
    family = export(run, tmp_path / "out")
    auto = transformers.AutoModelForCausalLM if family.writes else transformers.AutoModel
    back, report = auto.from_pretrained(
        tmp_path / "out", output_loading_info=True, **({} if family.writes else
                                                       {"add_pooling_layer": False}),
    )  # fmt: skip
    assert not any(report[what] for what in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    same(says(back.eval()), says(theirs))
    text = "the end."
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
    assert tokenizer(text, add_special_tokens=False).input_ids == [LETTERS.index(c) for c in text]
    assert run.source["sha256"] in (tmp_path / "out" / "README.md").read_text()


def test_every_family_is_compared():
    assert {case.split()[0] for case in CASES} == set(FAMILIES)
