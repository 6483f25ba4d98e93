"""The model card of an exported run: its own numbers, and how it can be made again."""

from __future__ import annotations

import math
from importlib import metadata

from core.config.command import command
from core.pretrained.families.family import Family
from core.pretrained.tensors import TensorFile
from core.runs import Run


def card(run: Run, step: int, family: Family, weights: TensorFile) -> str:
    """README.md of an export, in English, as the hub reads it."""
    corpus, source = run.corpus, run.source
    lines = [
        "---",
        "library_name: transformers",
        *([] if not family.writes else ["pipeline_tag: text-generation"]),
        "tags:",
        "- add-and-norm-lab",
        "---",
        "",
        f"# {_plain(run.name)}",
        "",
        f"A network of {_parameters(weights):,} parameters, step {step:,} of a run of Add & Norm"
        f" Lab {_version()}, as `{family.architecture}`.",
        "",
        "| what | value |",
        "|---|---|",
    ]
    rows: list[tuple[str, object]] = [("run", run.id)]
    if source:
        rows += [
            ("made of", source.get("name")),
            ("SHA-256 of its weights", source.get("sha256")),
            ("its context", f"{source.get('context')} tokens; here {run.config.model.context}"),
        ]
    else:
        rows += [
            ("corpus", corpus.get("corpus")),
            ("SHA-256 of the corpus", corpus.get("sha256")),
            ("unit", f"{corpus.get('unit')}, {corpus.get('vocabulary')} in all"),
            *_losses(run, step),
        ]
    lines += [f"| {name} | {_plain(str(value))} |" for name, value in rows]
    if not source:
        lines += [
            "",
            "The command that trains it:",
            "",
            "```",
            command(run.config, run.fork),
            "```",
        ]
    if not family.writes:
        lines += ["", "It is an encoder: it has no output layer."]
    return "\n".join(lines) + "\n"


def _losses(run: Run, step: int) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, words in (("loss/train", "training loss"), ("loss/validation", "validation loss")):
        try:
            steps, values = run.series(name)
        except KeyError:
            continue
        before = [float(v) for s, v in zip(steps, values, strict=True) if s <= step]
        before = [value for value in before if math.isfinite(value)]
        if before:
            found.append((words, f"{before[-1]:.4f} nats"))
    unigram = run.corpus.get("unigram_validation")
    if isinstance(unigram, int | float):
        found.append(("validation loss of the frequencies alone", f"{unigram:.4f} nats"))
    return found


def _parameters(weights: TensorFile) -> int:
    return sum(math.prod(weights.shape(name)) for name in weights.names)


def _version() -> str:
    try:
        return metadata.version("add-and-norm-lab")
    except metadata.PackageNotFoundError:
        return "from its sources"


def _plain(text: str) -> str:
    """One line that a table of Markdown takes."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
