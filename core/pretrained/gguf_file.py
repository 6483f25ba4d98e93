"""A GGUF file, as llama.cpp has models, told as a folder of `transformers` would tell it.

Weights that are packed in fewer bits are unpacked to float32 by the `gguf` library, an extra. A
Llama's W_Q and W_K have their rows in another order there, for positions that turn neighbouring
features; here, as in `transformers`, feature i turns with i + d/2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.language import Message
from core.pretrained.tensors import Floats, PretrainedError, hash_of

# Whose rows of W_Q and W_K are in llama.cpp's order: it is a property of the family.
PERMUTED = {"llama": True, "qwen2": False, "qwen3": False}
NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_up": "mlp.up_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_down": "mlp.down_proj",
}
# How a text is split before its bytes are merged: {L} letters, {N} digits, as the models' own
# tokenizer.json files have it.
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {"llama-bpe": WORDS % "{1,3}" + REST, "qwen2": WORDS % "" + REST}
CONTROL, OWN = 3, 4  # kinds of tokens: special ones, and words that somebody added


class GGUFFile:
    """One .gguf file. Raises PretrainedError where it can't be read or has no twin."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        try:
            import gguf
        except ImportError as error:
            raise PretrainedError(
                Message("a GGUF file needs the library `gguf`; install it with `pip install gguf`")
            ) from error
        self._dequantise = gguf.dequantize
        try:
            reader = gguf.GGUFReader(path)
            self._fields = {name: field.contents() for name, field in reader.fields.items()}
            self._tensors = {self._their(one.name): one for one in reader.tensors}
        except Exception as error:  # of a damaged file the library raises whatever comes
            raise PretrainedError(
                Message("{file} can't be read: {reason}", file=path.name, reason=str(error)[:200])
            ) from error
        self.kind = str(self._fields.get("general.architecture"))
        if self.kind not in PERMUTED:
            raise PretrainedError(
                Message(
                    "general.architecture {kind} has no twin here; accepted of GGUF files:"
                    " {accepted}", kind=self.kind[:60], accepted=", ".join(PERMUTED),
                )
            )  # fmt: skip
        self.config = self._config()
        self.tokenizer = self._tokenizer()

    @staticmethod
    def _their(name: str) -> str:
        """A tensor's name in `transformers`; its own where there is none, which no rule takes."""
        stem, _, leaf = name.rpartition(".")
        if stem.startswith("blk."):
            _, layer, part = stem.split(".", 2)
            return f"model.layers.{layer}.{NAMES.get(part, part)}.{leaf}"
        return f"{NAMES.get(stem, stem)}.{leaf}"

    def _number(self, name: str, default: Any = None) -> Any:
        return self._fields.get(f"{self.kind}.{name}", default)

    def _config(self) -> Mapping[str, Any]:
        scaling = self._number("rope.scaling.type", "none")
        found = {
            "model_type": self.kind,
            "hidden_size": self._number("embedding_length"),
            "num_hidden_layers": self._number("block_count"),
            "num_attention_heads": self._number("attention.head_count"),
            "num_key_value_heads": self._number("attention.head_count_kv"),
            "head_dim": self._number("attention.key_length"),
            "intermediate_size": self._number("feed_forward_length"),
            "max_position_embeddings": self._number("context_length"),
            "rms_norm_eps": self._number("attention.layer_norm_rms_epsilon"),
            "rope_theta": self._number("rope.freq_base", 10000.0),
            "rope_scaling": None if scaling == "none" else {"rope_type": str(scaling)},
            "vocab_size": len(self._fields.get("tokenizer.ggml.tokens", ())),
            "tie_word_embeddings": "lm_head.weight" not in self._tensors,
        }
        if self.kind == "llama":
            found["attention_bias"] = "model.layers.0.self_attn.q_proj.bias" in self._tensors
        return {name: value for name, value in found.items() if value is not None}

    def _tokenizer(self) -> bytes:
        """A `tokenizer.json` of byte-level merges, from the file's own list."""
        about = {
            name.removeprefix("tokenizer.ggml."): value
            for name, value in self._fields.items()
            if name.startswith("tokenizer.ggml.")
        }
        for name, accepted in (("model", ("gpt2",)), ("pre", ("smollm", "gpt-2", *SPLITS))):
            if about.get(name) not in accepted:
                raise PretrainedError(
                    Message(
                        "tokenizer.ggml.{name} is {value}, which is not read here; accepted:"
                        " {accepted}", name=name, value=str(about.get(name))[:60],
                        accepted=", ".join(accepted),
                    )
                )  # fmt: skip
        tokens = [str(one) for one in about["tokens"]]
        kinds = about.get("token_type") or [0] * len(tokens)
        added = [
            {"id": i, "content": tokens[i], "special": kind == CONTROL, "normalized": False,
             "lstrip": False, "rstrip": False, "single_word": False}
            for i, kind in enumerate(kinds) if kind in (CONTROL, OWN)
        ]  # fmt: skip
        bytes_alone = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
        first: dict[str, Any] | None = None
        if about["pre"] == "smollm":
            first = {"type": "Digits", "individual_digits": True}
        elif about["pre"] in SPLITS:
            pattern = {"Regex": SPLITS[about["pre"]]}
            first = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        whole = {**bytes_alone, "use_regex": about["pre"] not in SPLITS}
        split = {"type": "Sequence", "pretokenizers": [first, whole]} if first else whole
        begin = about.get("bos_token_id")
        post = None
        if about.get("add_bos_token") and isinstance(begin, int):
            post = _with_begin(tokens[begin], begin)
        found = {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": None, "pre_tokenizer": split, "post_processor": post,
            "decoder": {**bytes_alone, "use_regex": True},
            "model": {
                "type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)},
                "merges": [str(one) for one in about.get("merges", ())],
            },
        }  # fmt: skip
        return json.dumps(found, ensure_ascii=False).encode()

    @property
    def names(self) -> list[str]:
        """Every tensor, as `transformers` calls it."""
        return list(self._tensors)

    def read(self, name: str) -> Floats:
        """One tensor as float32, its rows in the order of `transformers`."""
        one = self._tensors[name]
        try:
            found: Floats = self._dequantise(one.data, one.tensor_type)
        except (NotImplementedError, ValueError) as error:
            raise PretrainedError(
                Message("{tensor} is of {dtype}; accepted: {accepted}", tensor=one.name,
                        dtype=one.tensor_type.name, accepted="F32, F16, BF16, Q4, Q5, Q6, Q8")
            ) from error  # fmt: skip
        found = found.astype(np.float32, copy=False).reshape([int(n) for n in one.shape[::-1]])
        part = name.split(".")[-2]
        if PERMUTED[self.kind] and part in ("q_proj", "k_proj"):
            count = "num_attention_heads" if part == "q_proj" else "num_key_value_heads"
            return half_split(found, self.config.get(count, self.config["num_attention_heads"]))
        return found

    def sha256(self) -> str:
        """Of the file."""
        return hash_of([self.path])


def half_split(rows: Floats, heads: int) -> Floats:
    """Rows (H d, ...) whose neighbours 2i, 2i + 1 turn together, so that i and i + d/2 do."""
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])  # (H, d/2, 2, ...)
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def _with_begin(token: str, id: int) -> dict[str, Any]:
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    }
