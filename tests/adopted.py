"""Pretrained models of a few numbers, made by `transformers`, as folders on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz .,\n?"
VOCABULARY, LAYERS, WIDTH, HEADS, CONTEXT = len(LETTERS), 3, 24, 4, 12
LLAMA: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}


def shaken(model: Any) -> Any:
    """Their network with each number moved at random, so that a forgotten tensor shows."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def saved(model: Any, folder: Path) -> Path:
    """A folder as `transformers` writes it, with a tokenizer of letters."""
    import tokenizers

    model.save_pretrained(folder)
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({c: i for i, c in enumerate(LETTERS)}, unk_token="?")
    )
    each = tokenizers.Regex(r"[\s\S]")
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(each, "isolated")
    tokenizer.decoder = tokenizers.decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def llama(folder: Path, **settings: Any) -> Path:
    """A small Llama whose heads share keys and values."""
    import transformers

    config = transformers.LlamaConfig(**{**LLAMA, **settings})
    return saved(shaken(transformers.LlamaForCausalLM(config)), folder)


def changed(folder: Path, **settings: Any) -> Path:
    """The folder with other settings in its config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **settings}), "utf-8")
    return folder
