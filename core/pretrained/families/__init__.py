"""The families of `transformers` that have a twin here, one module for each block design.

`FAMILIES` by their ``model_type``. `WITHOUT_TWIN`: what stands in the way in those that people ask
for most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.language import Message
from core.pretrained.families import bert, gpt2, llama
from core.pretrained.families.family import Family
from core.pretrained.tensors import PretrainedError

FAMILIES: dict[str, Family] = {one.name: one for one in (gpt2.GPT2, *llama.RELATIVES, bert.BERT)}
# model_type: the setting that no network here has.
WITHOUT_TWIN = {
    "gemma": "hidden_activation gelu_pytorch_tanh",
    "gemma2": "attn_logit_softcapping, hidden_activation gelu_pytorch_tanh",
    "gemma3": "rope_local_base_freq, hidden_activation gelu_pytorch_tanh",
    "gemma3_text": "rope_local_base_freq, hidden_activation gelu_pytorch_tanh",
    "gpt_oss": "num_local_experts, sinks",
    "mixtral": "num_local_experts",
    "qwen2_moe": "num_experts",
    "qwen3_moe": "num_experts",
    "gpt_neox": "use_parallel_residual",
    "phi": "partial_rotary_factor",
    "t5": "is_encoder_decoder",
    "bart": "is_encoder_decoder",
    "mamba": "state_size",
}


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of a `config.json`. Raises PretrainedError naming what stands in the way."""
    kind = str(config.get("model_type", ""))
    if kind in FAMILIES:
        return FAMILIES[kind]
    if kind in WITHOUT_TWIN:
        raise PretrainedError(
            Message(
                "{kind} has no twin here: {setting}; accepted: {accepted}",
                kind=kind, setting=WITHOUT_TWIN[kind], accepted=", ".join(FAMILIES),
            )
        )  # fmt: skip
    raise PretrainedError(
        Message(
            "model_type {kind!r} has no twin here; accepted: {accepted}",
            kind=kind[:60], accepted=", ".join(FAMILIES),
        )
    )  # fmt: skip
