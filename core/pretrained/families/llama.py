"""Llama and its relatives: RMSNorm, rotary positions, SwiGLU, heads that may share keys and values.

==========  ============  =======  ===================  ==========================================
model_type  placement     QK-norm  biases               source
==========  ============  =======  ===================  ==========================================
llama       pre           off      none, or of all      Touvron et al. 2023, arXiv 2302.13971
mistral     pre           off      none                 Jiang et al. 2023, arXiv 2310.06825
qwen2       pre           off      of Q, K and V        Yang et al. 2024, arXiv 2407.10671
qwen3       pre           head     none, or of all four Yang et al. 2025, arXiv 2505.09388
olmo2       reordered     width    none, or of all four OLMo Team 2024, arXiv 2501.00656
olmo3       reordered     width    none, or of all four OLMo Team 2025, "Olmo 3"
==========  ============  =======  ===================  ==========================================

Heads that share keys and values get a copy each: the same numbers with more parameters.
"""

from __future__ import annotations

from typing import Any

from core.config import ModelConfig
from core.language import Message
from core.pretrained.families.family import Config, Family, number, only, output_rules, real, unlike
from core.pretrained.rules import Repeated, Rule, Stacked, Way, Zero
from core.pretrained.tensors import PretrainedError

PRE = {"attn.pre": "input_layernorm", "mlp.pre": "post_attention_layernorm"}
REORDERED = {
    "attn.inner": "post_attention_layernorm",
    "mlp.inner": "post_feedforward_layernorm",
}
QK = ("q", "k")


class _Llama(Family):
    architecture = "LlamaForCausalLM"
    prefix = "model."
    left_out = (r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq", r"rotary_emb\.inv_freq")

    def __init__(
        self,
        name: str,
        architecture: str,
        qk_norm: str = "off",
        placement: str = "pre",
        may_bias: tuple[str, ...] = (),
    ) -> None:
        self.name, self.architecture = name, architecture
        self.qk_norm, self.placement = qk_norm, placement
        self.may_bias = may_bias  # which projections can have a bias; `q` is q, k and v

    def context(self, config: Config) -> int:
        most = super().context(config)
        window = config.get("sliding_window")
        # Within its window a token sees all before it, as here.
        if window is not None and config.get("use_sliding_window", True):
            most = min(most, number(self.name, config, "sliding_window"))
        return most

    def settings(self, config: Config, context: int) -> dict[str, Any]:
        name = self.name
        only(name, config, "hidden_act", ("silu", "swish"), "silu")
        width = number(name, config, "hidden_size")
        heads = number(name, config, "num_attention_heads")
        size = number(name, config, "head_dim", default=width // heads)
        if size * heads != width:
            only(name, config, "head_dim", (width // heads,), width // heads)
        shared = number(name, config, "num_key_value_heads", default=heads)
        if heads % shared:
            raise PretrainedError(
                Message("{n} heads can't share {shared} heads of keys and values", n=heads,
                        shared=shared)
            )  # fmt: skip
        return {
            "width": width,
            "depth": number(name, config, "num_hidden_layers"),
            "heads": heads,
            "feedforward_width": number(name, config, "intermediate_size"),
            "context": context,
            "activation": "swiglu",
            "norm": "rms",
            "norm_epsilon": real(name, config, "rms_norm_eps", 1e-6),
            "placement": self.placement,
            "qk_norm": self.qk_norm,
            "positions": "rotary",
            "rotary_base": _rotary_base(name, config),
            "init": "gpt2",
            "bias": bool(_biased(self, config)),
        }

    def rules(self, model: ModelConfig, vocabulary: int, config: Config) -> list[Rule]:
        width, hidden = model.width, model.hidden
        shared = number(self.name, config, "num_key_value_heads", default=model.heads)
        copies = Repeated(shared, model.heads // shared)
        biased = _biased(self, config)
        norms = REORDERED if self.placement == "reordered" else PRE
        found = [Rule("token.weight", (vocabulary, width), ("embed_tokens.weight",))]
        for i in range(model.depth):
            ours, theirs = f"blocks.{i}", f"layers.{i}"
            parts = [f"{theirs}.self_attn.{part}_proj" for part in "qkv"]
            stacked = Stacked(copies)
            rows = tuple(f"{part}.weight" for part in parts)
            found.append(Rule(f"{ours}.attn.f.qkv.weight", (3 * width, width), rows, stacked))
            if model.bias:
                both: tuple[tuple[str, ...], Way] = ((), Zero(3 * width))
                if "q" in biased:
                    both = (tuple(f"{part}.bias" for part in parts), stacked)
                found.append(Rule(f"{ours}.attn.f.qkv.bias", (3 * width,), *both))
            for mine, other, part, shape in (
                ("attn.f.out", "self_attn.o_proj", "o", (width, width)),
                ("mlp.f.w_in", "mlp.up_proj", "mlp", (hidden, width)),
                ("mlp.f.w_gate", "mlp.gate_proj", "mlp", (hidden, width)),
                ("mlp.f.w_out", "mlp.down_proj", "mlp", (width, hidden)),
            ):
                weight = f"{theirs}.{other}.weight"
                found.append(Rule(f"{ours}.{mine}.weight", shape, (weight,)))
                if model.bias:
                    bias = f"{theirs}.{other}.bias"
                    one: tuple[tuple[str, ...], Way] = ((), Zero(shape[0]))
                    if part in biased:
                        one = ((bias,), Way())
                    found.append(Rule(f"{ours}.{mine}.bias", shape[:1], *one))
            for mine, other in norms.items():
                weight = f"{theirs}.{other}.weight"
                found.append(Rule(f"{ours}.{mine}.weight", (width,), (weight,)))
            size = width if self.qk_norm == "width" else width // model.heads
            for part in QK if self.qk_norm != "off" else ():
                way = copies if self.qk_norm == "width" and part == "k" else Way()
                weight = f"{theirs}.self_attn.{part}_norm.weight"
                found.append(Rule(f"{ours}.attn.f.{part}_norm.weight", (size,), (weight,), way))
        found.append(Rule("final_norm.weight", (width,), ("norm.weight",)))
        return found + output_rules(model, vocabulary, self.head)

    def misfit(self, model: ModelConfig) -> str | None:
        return unlike(
            model,
            positions=("rotary",),
            causal=(True,),
            norm=("rms",),
            placement=(self.placement,),
            activation=("swiglu",),
            qk_norm=(self.qk_norm,),
            bias=(False, True) if self.may_bias else (False,),
            final_norm=("auto", "on"),
            embedding_norm=(False,),
        )

    def config(self, model: ModelConfig, vocabulary: int) -> dict[str, Any]:
        rope = {"rope_type": "default", "rope_theta": model.rotary_base}
        return {
            "hidden_size": model.width,
            "num_hidden_layers": model.depth,
            "num_attention_heads": model.heads,
            "num_key_value_heads": model.heads,
            "head_dim": model.width // model.heads,
            "intermediate_size": model.hidden,
            "max_position_embeddings": model.context,
            "vocab_size": vocabulary,
            "hidden_act": "silu",
            "rms_norm_eps": model.norm_epsilon,
            "rope_parameters": rope,
            "rope_theta": model.rotary_base,
            "attention_bias": model.bias and "o" in self.may_bias,
            "mlp_bias": model.bias and "mlp" in self.may_bias,
            "sliding_window": None,
            "use_sliding_window": False,
            "attention_dropout": model.dropout,
            "tie_word_embeddings": model.tie_embeddings,
            "bos_token_id": None,
            "eos_token_id": None,
            "pad_token_id": None,
        }


class _Olmo3(_Llama):
    """OLMo 2's block; within the sliding windows of some layers a token sees all before it."""

    def config(self, model: ModelConfig, vocabulary: int) -> dict[str, Any]:
        found = super().config(model, vocabulary)
        kinds = {"full_attention": found["rope_parameters"]}
        return {
            **found,
            "layer_types": ["full_attention"] * model.depth,
            "rope_parameters": kinds,
            "sliding_window": model.context,  # of no layer, but the library asks for a number
        }


def _biased(family: _Llama, config: Config) -> set[str]:
    """Which of ``q``, ``o`` and ``mlp`` have biases; q stands for q, k and v."""
    if family.may_bias == ("q",):  # Qwen2 has no setting for it
        return {"q"}
    found: set[str] = set()
    if only(family.name, config, "attention_bias", (False, True), False):
        found |= {"q", "o"}
    if only(family.name, config, "mlp_bias", (False, True), False):
        found.add("mlp")
    return found.intersection(family.may_bias)


def _rotary_base(kind: str, config: Config) -> float:
    """Base of the rotary frequencies, as releases before and after 5 of `transformers` say it."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        rope = {"rope_type": rope}
    used = config.get("layer_types") or rope
    if kinds := [rope[one] for one in used if isinstance(rope.get(one), dict)]:  # by kind of layer
        if any(one != kinds[0] for one in kinds):
            raise PretrainedError(
                Message(
                    "rope_parameters of this {kind} model differ from layer to layer, which has no"
                    " twin here", kind=kind,
                )
            )  # fmt: skip
        rope = kinds[0]
    rope = {"rope_type": rope.get("type", "default"), **rope}
    only(kind, rope, "rope_type", ("default",), "default")
    whole = {"partial_rotary_factor": config.get("partial_rotary_factor", 1.0), **rope}
    only(kind, whole, "partial_rotary_factor", (1.0, 1), 1.0)
    return real(kind, {"rope_theta": config.get("rope_theta", 10000.0), **rope}, "rope_theta", 1.0)


RELATIVES = (
    _Llama("llama", "LlamaForCausalLM", may_bias=("q", "o", "mlp")),
    _Llama("mistral", "MistralForCausalLM"),
    _Llama("qwen2", "Qwen2ForCausalLM", may_bias=("q",)),
    _Llama("qwen3", "Qwen3ForCausalLM", "head", may_bias=("q", "o")),
    _Llama("olmo2", "Olmo2ForCausalLM", "width", "reordered", may_bias=("q", "o")),
    _Olmo3("olmo3", "Olmo3ForCausalLM", "width", "reordered", may_bias=("q", "o")),
)
