"""BERT's encoder (Devlin et al. 2019): post-LN, both-sided attention.

Its segments are not told apart: every token has the first one's embedding, added to its position's.
The pooler reads the last states and changes none; it is left out. The head of masked-token
prediction has a layer of its own before the output matrix, which no network here has: it is kept in
a file beside the checkpoint (`core.anatomy.masked` reads it).
"""

from __future__ import annotations

from typing import Any

from core.config import ModelConfig
from core.pretrained.families.family import (
    ACTIVATIONS,
    WRITTEN,
    Config,
    Family,
    number,
    only,
    real,
    unlike,
)
from core.pretrained.rules import Positions, Repeated, Rule, Stacked, Way

TENSORS = {
    "attn.f.out": "attention.output.dense",
    "attn.post": "attention.output.LayerNorm",
    "mlp.f.w_in": "intermediate.dense",
    "mlp.f.w_out": "output.dense",
    "mlp.post": "output.LayerNorm",
}
# The output matrix of this head is the embedding's.
MASKED = {
    "dense.weight": "cls.predictions.transform.dense.weight",
    "dense.bias": "cls.predictions.transform.dense.bias",
    "norm.weight": "cls.predictions.transform.LayerNorm.weight",
    "norm.bias": "cls.predictions.transform.LayerNorm.bias",
    "bias": "cls.predictions.bias",
}


class _BERT(Family):
    name = "bert"
    architecture = "BertModel"
    prefix = "bert."
    left_out = (r"embeddings\.(position_ids|token_type_ids)", r"pooler\.dense\.(weight|bias)",
                r"cls\.seq_relationship\.(weight|bias)",
                r"cls\.predictions\.decoder\.bias")  # the very numbers of its bias # fmt: skip
    writes = False
    masked = MASKED
    masked_architecture = "BertForMaskedLM"

    def settings(self, config: Config, context: int) -> dict[str, Any]:
        name = self.name
        only(name, config, "position_embedding_type", ("absolute",), "absolute")
        only(name, config, "is_decoder", (False,), False)
        act = only(name, config, "hidden_act", tuple(ACTIVATIONS), "gelu")
        return {
            "width": number(name, config, "hidden_size", default=768),
            "depth": number(name, config, "num_hidden_layers", default=12),
            "heads": number(name, config, "num_attention_heads", default=12),
            "feedforward_width": number(name, config, "intermediate_size", default=3072),
            "context": context,
            "activation": ACTIVATIONS[act],
            "norm_epsilon": real(name, config, "layer_norm_eps", 1e-12),
            "placement": "post",
            "norm": "layer",
            "embedding_norm": True,
            "causal": False,
            "positions": "learned",
            "bias": True,
            "init": "gpt2",
            # It has no output layer: tokens by their likeness to the state stand for one.
            "tie_embeddings": True,
        }

    def context(self, config: Config) -> int:
        return super().context({"max_position_embeddings": 512, **config})

    def rules(self, model: ModelConfig, vocabulary: int, config: Config) -> list[Rule]:
        width, hidden = model.width, model.hidden
        shapes: dict[str, tuple[int, ...]] = {
            "attn.f.out": (width, width), "mlp.f.w_in": (hidden, width),
            "mlp.f.w_out": (width, hidden),
        }  # fmt: skip
        kinds = ("position", "token_type")
        places = tuple(f"embeddings.{kind}_embeddings.weight" for kind in kinds)
        words = ("embeddings.word_embeddings.weight",)
        found = [
            Rule("token.weight", (vocabulary, width), words),
            Rule("positions.weight", (model.context, width), places, Positions(model.context)),
        ]
        for leaf in ("weight", "bias"):
            found.append(
                Rule(f"embedding_norm.{leaf}", (width,), (f"embeddings.LayerNorm.{leaf}",))
            )
            for i in range(model.depth):
                ours, theirs = f"blocks.{i}", f"encoder.layer.{i}"
                rows = (3 * width, width) if leaf == "weight" else (3 * width,)
                parts = tuple(f"{theirs}.attention.self.{part}.{leaf}"
                              for part in ("query", "key", "value"))  # fmt: skip
                each = Stacked(Repeated(model.heads, 1))
                found.append(Rule(f"{ours}.attn.f.qkv.{leaf}", rows, parts, each))
                for mine, other in TENSORS.items():
                    shape = shapes.get(mine, (width,))
                    shape = shape if leaf == "weight" else shape[:1]
                    theirs_one = (f"{theirs}.{other}.{leaf}",)
                    found.append(Rule(f"{ours}.{mine}.{leaf}", shape, theirs_one, Way()))
        return found

    def misfit(self, model: ModelConfig) -> str | None:
        return unlike(
            model,
            causal=(False,),
            positions=("learned",),
            norm=("layer",),
            placement=("post",),
            embedding_norm=(True,),
            final_norm=("auto", "off"),
            activation=("gelu_tanh", "gelu", "relu"),
            bias=(True,),
            tie_embeddings=(True,),
            head_bias=(False,),
            qk_norm=("off",),
        )

    def config(self, model: ModelConfig, vocabulary: int) -> dict[str, Any]:
        act = WRITTEN[model.activation]
        return {
            "hidden_size": model.width,
            "num_hidden_layers": model.depth,
            "num_attention_heads": model.heads,
            "intermediate_size": model.hidden,
            "max_position_embeddings": model.context,
            "vocab_size": vocabulary,
            "type_vocab_size": 1,
            "hidden_act": act,
            "layer_norm_eps": model.norm_epsilon,
            "hidden_dropout_prob": model.dropout,
            "attention_probs_dropout_prob": model.dropout,
            "pad_token_id": None,
        }


BERT = _BERT()
