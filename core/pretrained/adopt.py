"""A pretrained model becomes a run: one checkpoint, its tokenizer, and what it was made from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.config import DataConfig, ModelConfig, RunConfig, explain
from core.data.corpora import read_by
from core.data.prepared import quiet
from core.data.subwords import FILE, KIND, Subwords, TokenizerError
from core.data.vocabularies import Report
from core.files import write_atomically, write_json
from core.language import Message
from core.pretrained import tensors
from core.pretrained.families import family_of
from core.pretrained.families.family import Family
from core.pretrained.rules import Rule
from core.pretrained.sources import Source, opened
from core.pretrained.tensors import Floats, PretrainedError
from core.runs import Run, RunStore, read_only, schemas
from core.runs.checkpoint_files import MASKED, SCHEMA, WEIGHTS, base_of, checksum
from core.runs.status import Status

CONTEXT = 256  # tokens that an adopted model is looked at with, unless asked for more


def adopt(
    store: RunStore,
    named: str,
    *,
    name: str = "",
    context: int | None = None,
    data: DataConfig | None = None,
    report: Report = quiet,
) -> Run:
    """Make a run of a model: a folder of `transformers`, a GGUF file, or a name of the hub.

    It has one checkpoint, of step 0, with the tensors in this lab's names as float32. `context`:
    tokens that it sees at once, at most its own. `data`: held-out text to measure it on. Raises
    PretrainedError naming the tensor or setting that no network here has, CorpusError, and
    RunError; nothing half-made stays.
    """
    read_only.refuse()
    source = opened(named, lambda doing: report(0.0, doing))
    family = family_of(source.config)
    most = family.context(source.config)
    if context is not None and not 1 <= context <= most:
        raise PretrainedError(
            Message("context: {context} is out of range; accepted: 1 to {most}", context=context,
                    most=most)
        )  # fmt: skip
    tensors_of = _Tensors(source, family)
    size = tensors_of.vocabulary()
    try:
        subwords = Subwords(source.tokenizer, size)
    except TokenizerError as error:
        raise PretrainedError(*error.args) from error
    config = _config(family, source, tensors_of, context or min(most, CONTEXT), data)
    rules = family.rules(config.model, size, source.config)
    tensors_of.check(rules)
    about: dict[str, Any] = {
        "name": source.name,
        "family": family.name,
        "writes": family.writes,
        "vocabulary": size,
        "context": most,
    }

    masked = tensors_of.masked(config.model.width, size)

    def fill(folder: Path) -> None:
        _lay_tokens(folder, config, subwords, source.tokenizer)
        report(0.0, Message("writes the weights"))
        base = base_of(folder / "checkpoints", 0)
        shapes = {rule.ours: rule.shape for rule in rules}
        written = tensors.write(base.with_suffix(WEIGHTS), shapes, tensors_of.made(rules, report))
        said = {"schema": SCHEMA, "step": 0, "seconds": 0.0, "sha256": {WEIGHTS: written}}
        write_json(base.with_suffix(".json"), {**said, "check": checksum(said)})
        report(1.0, Message("reads the source's hash"))
        if masked:
            shapes = {name: one.shape for name, one in masked.items()}
            about["masked"] = tensors.write(folder / MASKED, shapes, masked.items())
        told = {**about, "sha256": source.sha256(), "config": dict(source.config)}
        write_json(folder / "source.json", schemas.marked("source.json", told))
        Status(state="finished", step=0, steps=config.training.steps).write(folder / "status.json")

    return store.create(config, name or source.name, fill=fill)


def _config(
    family: Family, source: Source, found: _Tensors, context: int, data: DataConfig | None
) -> RunConfig:
    settings = {"tie_embeddings": found.tied, **family.settings(source.config, context)}
    try:
        model = ModelConfig.model_validate(settings)
        values = {"model": model, "data": data or DataConfig(), "training": {"steps": 1}}
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise PretrainedError(
            Message("no network here has its settings: {reason}", reason=explain(error))
        ) from error


def _lay_tokens(folder: Path, config: RunConfig, subwords: Subwords, content: bytes) -> None:
    """tokenizer.json, subwords.json and corpus.json, as a run has them after its first start."""
    write_atomically(folder / FILE, content)
    kept = {"kind": KIND, "sha256": subwords.sha256, "size": subwords.size}
    write_json(folder / "tokenizer.json", schemas.marked("tokenizer.json", kept))
    text = read_by(config.data, subwords)
    length = config.probe_length
    wanted = config.probes.text or subwords.decode(text.windows(length, 1)[0, :length].tolist())
    ids = subwords.encode(wanted)[:length]
    corpus: dict[str, Any] = {
        "corpus": text.name,
        "length": text.length,
        "sha256": text.sha256,
        "vocabulary": text.vocabulary,
        "unit": text.unit,
        "unigram_entropy": text.unigram_entropy,
        "unigram_validation": text.unigram_validation,
        "probe_text": subwords.decode(ids, special=False),
        "probe_tokens": ids,
        "probe_pieces": subwords.pieces(ids),
    }
    write_json(folder / "corpus.json", schemas.marked("corpus.json", corpus))


class _Tensors:
    """The tensors of a source by the names that its family's rules have."""

    def __init__(self, source: Source, family: Family) -> None:
        self.source, self.family = source, family
        names = set(source.names)
        inside = any(name.startswith(family.prefix) for name in names)
        self.prefix = family.prefix if inside else ""
        tied = source.config.get("tie_word_embeddings")
        if isinstance(source.config.get("tie_word_embeddings"), bool):
            self.tied = bool(tied)
        else:
            self.tied = family.head not in names

    def _their(self, name: str) -> str:
        return name if name == self.family.head else self.prefix + name

    def vocabulary(self) -> int:
        """How many tokens the network knows. Raises PretrainedError."""
        size = self.source.config.get("vocab_size")
        if type(size) is not int or size < 2:
            raise PretrainedError(Message("its config.json says no vocab_size"))
        return size

    def check(self, rules: list[Rule]) -> None:
        """Raises PretrainedError for a tensor that is missing, or that no rule takes."""
        there = set(self.source.names)
        used = {self._their(name) for rule in rules for name in rule.theirs}
        if there.intersection(self.family.masked.values()):
            used.update(self.family.masked.values())
        if missing := sorted(used - there):
            raise PretrainedError(Message("the tensor {tensor} is missing", tensor=missing[0]))
        left_out = [*self.family.left_out, *([re.escape(self.family.head)] if self.tied else [])]
        pattern = re.compile(f"({re.escape(self.prefix)})?({'|'.join(left_out) or '(?!)'})")
        strange = sorted(name for name in there - used if not pattern.fullmatch(name))
        if strange:
            raise PretrainedError(
                Message(
                    "no network here has the tensor {tensor} of this {kind} model",
                    tensor=strange[0], kind=self.family.name,
                )
            )  # fmt: skip

    def masked(self, width: int, vocabulary: int) -> dict[str, Floats]:
        """The head that predicts masked tokens, in our names; empty without one.

        Raises PretrainedError where its shapes do not fit, or its output matrix is its own.
        """
        names = self.family.masked
        if not set(self.source.names).intersection(names.values()):
            return {}
        if self.source.config.get("tie_word_embeddings") is False:
            raise PretrainedError(
                Message(
                    "{setting} of this {kind} model is {value}, which has no twin here;"
                    " accepted: {accepted}",
                    setting="tie_word_embeddings", kind=self.family.name, value="False",
                    accepted="True",
                )
            )  # fmt: skip
        fitting = {"dense.weight": (width, width), "bias": (vocabulary,)}
        found = {}
        for ours, theirs in names.items():
            found[ours] = self.source.read(theirs)
            if found[ours].shape != fitting.get(ours, (width,)):
                raise PretrainedError(
                    Message(
                        "{tensor} has the shape {shapes}, which its settings do not fit",
                        tensor=theirs, shapes=str(found[ours].shape),
                    )
                )  # fmt: skip
        return found

    def made(self, rules: list[Rule], report: Report) -> Iterator[tuple[str, Floats]]:
        """Our tensors, one at a time."""
        total = sum(math.prod(rule.shape) for rule in rules)
        done = 0
        for rule in rules:
            yield rule.ours, rule.taken([self.source.read(self._their(n)) for n in rule.theirs])
            done += math.prod(rule.shape)
            report(done / total, Message("writes the weights"))
