"""GPT-2 (Radford et al. 2019): pre-LN, learned positions, matrices as (in, out)."""

from __future__ import annotations

from typing import Any

from core.config import ModelConfig
from core.pretrained.families.family import (
    ACTIVATIONS,
    MOST_CONTEXT,
    WRITTEN,
    Config,
    Family,
    number,
    only,
    output_rules,
    real,
    unlike,
)
from core.pretrained.rules import First, Rule, Transposed, Way

TENSORS = {
    "attn.pre": "ln_1",
    "attn.f.qkv": "attn.c_attn",
    "attn.f.out": "attn.c_proj",
    "mlp.pre": "ln_2",
    "mlp.f.w_in": "mlp.c_fc",
    "mlp.f.w_out": "mlp.c_proj",
}


class _GPT2(Family):
    name = "gpt2"
    architecture = "GPT2LMHeadModel"
    prefix = "transformer."
    left_out = (r"h\.\d+\.attn\.(masked_)?bias",)  # its causal mask

    def context(self, config: Config) -> int:
        found = number(self.name, config, "n_positions", "max_position_embeddings", default=1024)
        return min(found, MOST_CONTEXT)

    def settings(self, config: Config, context: int) -> dict[str, Any]:
        width = number(self.name, config, "n_embd", "hidden_size", default=768)
        only(self.name, config, "scale_attn_weights", (True,), True)
        only(self.name, config, "scale_attn_by_inverse_layer_idx", (False,), False)
        only(self.name, config, "add_cross_attention", (False,), False)
        act = only(self.name, config, "activation_function", tuple(ACTIVATIONS), "gelu_new")
        return {
            "width": width,
            "depth": number(self.name, config, "n_layer", "num_hidden_layers", default=12),
            "heads": number(self.name, config, "n_head", "num_attention_heads", default=12),
            "feedforward_width": 4 * width if config.get("n_inner") is None
            else number(self.name, config, "n_inner"),
            "context": context,
            "activation": ACTIVATIONS[act],
            "norm_epsilon": real(self.name, config, "layer_norm_epsilon", 1e-5),
            "init": "gpt2",
            "positions": "learned",
            "placement": "pre",
            "norm": "layer",
            "bias": True,
        }  # fmt: skip

    def rules(self, model: ModelConfig, vocabulary: int, config: Config) -> list[Rule]:
        width, hidden = model.width, model.hidden
        out = {"attn.f.qkv": (3 * width, width), "attn.f.out": (width, width),
               "mlp.f.w_in": (hidden, width), "mlp.f.w_out": (width, hidden)}  # fmt: skip
        positions = First(model.context)
        found = [
            Rule("token.weight", (vocabulary, width), ("wte.weight",)),
            Rule("positions.weight", (model.context, width), ("wpe.weight",), positions),
        ]
        for i in range(model.depth):
            for mine, theirs in TENSORS.items():
                shape = out.get(mine, (width,))
                way = Transposed() if mine in out else Way()
                ours, other = f"blocks.{i}.{mine}", f"h.{i}.{theirs}"
                found.append(Rule(f"{ours}.weight", shape, (f"{other}.weight",), way))
                if model.bias:
                    found.append(Rule(f"{ours}.bias", shape[:1], (f"{other}.bias",)))
        for leaf in ("weight", "bias")[: 1 + model.bias]:
            found.append(Rule(f"final_norm.{leaf}", (width,), (f"ln_f.{leaf}",)))
        return found + output_rules(model, vocabulary, self.head)

    def misfit(self, model: ModelConfig) -> str | None:
        return unlike(
            model,
            positions=("learned",),
            causal=(True,),
            norm=("layer",),
            placement=("pre",),
            activation=("gelu_tanh", "gelu", "relu"),
            bias=(True,),
            final_norm=("auto", "on"),
            embedding_norm=(False,),
            qk_norm=("off",),
        )

    def config(self, model: ModelConfig, vocabulary: int) -> dict[str, Any]:
        act = WRITTEN[model.activation]
        return {
            "n_embd": model.width,
            "n_layer": model.depth,
            "n_head": model.heads,
            "n_inner": model.hidden,
            "n_positions": model.context,
            "vocab_size": vocabulary,
            "activation_function": act,
            "layer_norm_epsilon": model.norm_epsilon,
            "tie_word_embeddings": model.tie_embeddings,
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), model.dropout),
            # Those of its own alphabet, which this one need not have.
            "bos_token_id": None,
            "eos_token_id": None,
        }


GPT2 = _GPT2()
