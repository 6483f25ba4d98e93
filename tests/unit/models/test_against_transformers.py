"""Whole networks against the `transformers` library: GPT-2, Llama, OLMo-2 and BERT."""

import pytest
import torch
from torch import nn

from core.config import ModelConfig
from core.models import build_model

transformers = pytest.importorskip("transformers")

VOCABULARY, LAYERS, WIDTH, HEADS, CONTEXT = 31, 3, 24, 4, 12
COMMON = {"depth": LAYERS, "width": WIDTH, "heads": HEADS, "context": CONTEXT}
TOKENS = torch.randint(VOCABULARY, (2, CONTEXT), generator=torch.Generator().manual_seed(3))


def shaken(model: nn.Module) -> dict[str, torch.Tensor]:
    """The reference's weights, each moved at random so that a forgotten one shows."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return dict(model.eval().named_parameters())


def filled(config: ModelConfig, weights: dict[str, torch.Tensor], skip: tuple[str, ...] = ()):
    """Our network with these weights; every one of its parameters has to be named."""
    ours = build_model(config, VOCABULARY).eval()
    own = dict(ours.named_parameters())
    assert sorted(weights) == sorted(name for name in own if name not in skip)
    with torch.no_grad():
        for name, weight in weights.items():
            assert own[name].shape == weight.shape, name
            own[name].copy_(weight)
    return ours


def same(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    assert theirs.std() > 0.1, "the comparison needs something to compare"
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_gpt2():
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            activation_function="gelu_new",
            layer_norm_epsilon=1e-5,
        )
    )
    given = shaken(theirs)
    weights = {
        "token.weight": given["transformer.wte.weight"],
        "positions.weight": given["transformer.wpe.weight"],
    }
    modules = {
        "attn.pre": "ln_1",
        "attn.f.qkv": "attn.c_attn",
        "attn.f.out": "attn.c_proj",
        "mlp.pre": "ln_2",
        "mlp.f.w_in": "mlp.c_fc",
        "mlp.f.w_out": "mlp.c_proj",
    }
    for leaf in ("weight", "bias"):
        weights[f"final_norm.{leaf}"] = given[f"transformer.ln_f.{leaf}"]
        for i in range(LAYERS):
            for mine, other in modules.items():
                weight = given[f"transformer.h.{i}.{other}.{leaf}"]
                # Its Conv1D keeps matrices the other way round.
                weights[f"blocks.{i}.{mine}.{leaf}"] = weight.T if weight.ndim == 2 else weight
    config = ModelConfig(**COMMON, activation="gelu_tanh", tie_embeddings=True)
    ours = filled(config, weights)
    same(ours(TOKENS), theirs(TOKENS).logits)


LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 40,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    "tie_word_embeddings": False,
}
GATED = {
    **COMMON,
    "norm": "rms",
    "activation": "swiglu",
    "feedforward_width": 40,
    "positions": "rotary",
    "rotary_base": 500.0,
    "norm_epsilon": 1e-6,
    "bias": False,
}


def llama_weights(given: dict[str, torch.Tensor], norms: dict[str, str]):
    weights = {
        "token.weight": given["model.embed_tokens.weight"],
        "final_norm.weight": given["model.norm.weight"],
        "head.weight": given["lm_head.weight"],
    }
    modules = {
        "attn.f.out": "self_attn.o_proj",
        "mlp.f.w_in": "mlp.up_proj",
        "mlp.f.w_gate": "mlp.gate_proj",
        "mlp.f.w_out": "mlp.down_proj",
        **norms,
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}"
        for mine, other in modules.items():
            weights[f"blocks.{i}.{mine}.weight"] = given[f"{layer}.{other}.weight"]
        rows = [given[f"{layer}.self_attn.{part}_proj.weight"] for part in "qkv"]
        weights[f"blocks.{i}.attn.f.qkv.weight"] = torch.cat(rows)
    return weights


def test_llama():
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA))
    norms = {"attn.pre": "input_layernorm", "mlp.pre": "post_attention_layernorm"}
    ours = filled(ModelConfig(**GATED), llama_weights(shaken(theirs), norms))
    same(ours(TOKENS), theirs(TOKENS).logits)


def test_olmo_2():
    theirs = transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**LLAMA))
    norms = {
        "attn.inner": "post_attention_layernorm",
        "mlp.inner": "post_feedforward_layernorm",
        "attn.f.q_norm": "self_attn.q_norm",
        "attn.f.k_norm": "self_attn.k_norm",
    }
    config = ModelConfig(**GATED, placement="reordered", qk_norm="width")
    ours = filled(config, llama_weights(shaken(theirs), norms))
    same(ours(TOKENS), theirs(TOKENS).logits)


def test_bert():
    """The encoder's last hidden state; BERT's segment embedding is part of its positions."""
    theirs = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=40,
            max_position_embeddings=CONTEXT,
            type_vocab_size=1,
            layer_norm_eps=1e-12,
            hidden_act="gelu",
        ),
        add_pooling_layer=False,
    )
    given = shaken(theirs)
    positions = given["embeddings.position_embeddings.weight"]
    weights = {
        "token.weight": given["embeddings.word_embeddings.weight"],
        "positions.weight": positions + given["embeddings.token_type_embeddings.weight"],
    }
    modules = {
        "attn.f.out": "attention.output.dense",
        "attn.post": "attention.output.LayerNorm",
        "mlp.f.w_in": "intermediate.dense",
        "mlp.f.w_out": "output.dense",
        "mlp.post": "output.LayerNorm",
    }
    for leaf in ("weight", "bias"):
        weights[f"embedding_norm.{leaf}"] = given[f"embeddings.LayerNorm.{leaf}"]
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}"
            for mine, other in modules.items():
                weights[f"blocks.{i}.{mine}.{leaf}"] = given[f"{layer}.{other}.{leaf}"]
            parts = ("query", "key", "value")
            rows = [given[f"{layer}.attention.self.{part}.{leaf}"] for part in parts]
            weights[f"blocks.{i}.attn.f.qkv.{leaf}"] = torch.cat(rows)
    config = ModelConfig(
        **COMMON,
        placement="post",
        activation="gelu",
        feedforward_width=40,
        norm_epsilon=1e-12,
        causal=False,
        embedding_norm=True,
    )
    ours = filled(config, weights, skip=("head.weight",))
    same(ours.trace(TOKENS)["blocks.2.resid_post"], theirs(TOKENS).last_hidden_state)
