"""A run becomes a folder that `transformers` loads: settings, weights, tokenizer, model card."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from core.config import ModelConfig
from core.data.subwords import FILE, KIND
from core.files import read_bytes, write_atomically, write_json
from core.language import Message
from core.pretrained import tensors
from core.pretrained.card import card
from core.pretrained.families import FAMILIES
from core.pretrained.families.family import Family
from core.pretrained.rules import Rule
from core.pretrained.tensors import Floats, PretrainedError, TensorFile
from core.runs import Run
from core.runs.checkpoint_files import (
    MASKED,
    WEIGHTS,
    CheckpointError,
    about_of,
    base_of,
    check_file,
)


def export(run: Run, to: Path, step: int | None = None) -> Family:
    """Write a checkpoint, the newest unless said otherwise, as a new folder `to`.

    Raises PretrainedError naming what the architecture lacks there, or where `to` exists; nothing
    half-written stays; RunError for a run that another program trained.
    """
    run.check_ours()
    step = _step(run, step)
    model = run.model_at(step)
    vocabulary = run.corpus.get("vocabulary")
    family = family_for(run, model)
    if to.exists():
        raise PretrainedError(
            Message("{to} exists already; name another place or move it away", to=str(to))
        )
    base = base_of(run.path / "checkpoints", step)
    try:
        check_file(base.with_suffix(WEIGHTS), about_of(base))
    except CheckpointError as error:
        raise PretrainedError(*error.args) from error
    ours = TensorFile(base.with_suffix(WEIGHTS))
    assert isinstance(vocabulary, int), "a run with a checkpoint knows its alphabet"
    masked = _masked(run, family)
    config = {
        "model_type": family.name,
        "architectures": [family.masked_architecture if masked else family.architecture],
        "dtype": "float32",
        **family.config(model, vocabulary),
    }
    rules = family.rules(model, vocabulary, config)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
        try:
            prefix = family.prefix if family.writes or masked else ""
            shapes = _shapes(family, rules, prefix)
            shapes |= {name: one.shape for name, one in masked.items()}
            made = chain(_theirs(family, rules, ours, prefix), masked.items())
            tensors.write(folder / "model.safetensors", shapes, made, {"format": "pt"})
            write_json(folder / "config.json", config)
            write_atomically(folder / "tokenizer.json", _tokenizer(run))
            write_json(
                folder / "tokenizer_config.json",
                {
                    "tokenizer_class": "PreTrainedTokenizerFast",
                    "clean_up_tokenization_spaces": False,
                    "model_max_length": model.context,
                },
            )
            write_atomically(folder / "README.md", card(run, step, family, ours))
            folder.chmod(0o755)
            folder.rename(to)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise PretrainedError(
            Message("nothing can be written to {to}: {reason}", to=str(to),
                    reason=error.strerror or str(error))
        ) from error  # fmt: skip
    return family


def family_for(run: Run, model: ModelConfig) -> Family:
    """The family whose networks are like this one. Raises PretrainedError naming the setting that
    stands in the way of the nearest."""
    own = FAMILIES.get(str(run.source.get("family")))
    writes = own.writes if own else True
    fitting = [own] if own else []
    fitting += [one for one in FAMILIES.values() if one.writes == writes and one is not own]
    found = {one.name: one.misfit(model) for one in fitting}
    for one in fitting:
        if found[one.name] is None:
            return one
    nearest = "llama" if model.positions == "rotary" or model.norm == "rms" else "gpt2"
    raise PretrainedError(
        Message(
            "no model of `transformers` has {setting} as this run has it; the nearest is {kind}",
            setting=found[nearest] or "", kind=nearest,
        )
    )  # fmt: skip


def _step(run: Run, step: int | None) -> int:
    known = run.checkpoints
    if not known:
        raise PretrainedError(
            Message("run {id} has no checkpoint yet; train it further", id=run.id)
        )
    if step is not None and step not in known:
        accepted = ", ".join(map(str, known))
        raise PretrainedError(
            Message("run {id} has no checkpoint at step {step}; accepted: {accepted}", id=run.id,
                    step=step, accepted=accepted)
        )  # fmt: skip
    return known[-1] if step is None else step


def _masked(run: Run, family: Family) -> dict[str, Floats]:
    """The head that predicts masked tokens, in their names; empty without one."""
    if not run.source.get("masked") or not family.masked:
        return {}
    kept = TensorFile(run.path / MASKED)
    return {theirs: kept.read(ours) for ours, theirs in family.masked.items()}


def _their(family: Family, name: str, prefix: str) -> str:
    """What has no head is saved without a prefix."""
    return name if name == family.head else prefix + name


def _shapes(family: Family, rules: list[Rule], prefix: str) -> dict[str, tuple[int, ...]]:
    found = {}
    for rule in rules:
        blank = np.broadcast_to(np.float32(0), rule.shape)  # of one number in memory
        for name, tensor in rule.given(blank).items():
            found[_their(family, name, prefix)] = tensor.shape
    return found


def _theirs(
    family: Family, rules: list[Rule], ours: TensorFile, prefix: str
) -> Iterator[tuple[str, Floats]]:
    there = set(ours.names)
    for rule in rules:
        if rule.ours not in there:
            raise PretrainedError(Message("the tensor {tensor} is missing", tensor=rule.ours))
        there.remove(rule.ours)
        for name, tensor in rule.given(ours.read(rule.ours)).items():
            yield _their(family, name, prefix), tensor
    if there:
        raise PretrainedError(
            Message("the tensor {tensor} has no place there: {reason}", tensor=min(there),
                    reason=family.name)
        )  # fmt: skip


def _tokenizer(run: Run) -> bytes:
    """A `tokenizer.json`: the source's own, or one that splits a text into its characters."""
    if run.tokenizer.get("kind") == KIND:
        return read_bytes(run.path / FILE)
    alphabet = str(run.tokenizer.get("alphabet", ""))
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": r"[\s\S]"},
                "behavior": "Isolated",
                "invert": False,
            },
            "post_processor": None,
            "decoder": {"type": "Fuse"},
            "model": {
                "type": "WordLevel",
                "vocab": {letter: i for i, letter in enumerate(alphabet)},
                # There is no unknown one; what a run never saw is read as its first letter.
                "unk_token": alphabet[:1],
            },
        },
        ensure_ascii=False,
    ).encode()
