"""What a fork has of its parent in its own directory, so that it needs the parent no more.

``fork.json`` says where it started (:class:`core.config.fork_point.ForkPoint`); the checkpoint of
that step lies with its own.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from pydantic import ValidationError

from core.config import RunConfig, explain
from core.config.fork_point import ForkPoint
from core.files import read_json, write_atomically, write_json
from core.language import Message
from core.runs import checkpoint_files, schemas

FILE = "fork.json"
TOKENS = ("tokenizer.json", "subwords.json")  # of a network that reads subwords


class ForkError(ValueError):
    """A checkpoint that is not there any more; the sentence says what to do."""


def read(path: str | Path) -> ForkPoint:
    """Where a run was forked. Raises OSError, and ValueError with a sentence."""
    found = schemas.current(FILE, read_json(path))
    try:
        return ForkPoint.model_validate(found)
    except ValidationError as error:
        raise ValueError(
            Message("{file} is damaged: {why}", file=FILE, why=explain(error))
        ) from error


def lay(root: Path, made: Path, fork: ForkPoint, config: RunConfig) -> None:
    """Put into a new run's directory what it starts from. Raises OSError and ForkError."""
    parent = _owner(root, fork)
    try:
        checkpoint_files.share(parent / "checkpoints", made / "checkpoints", fork.step, fork.fresh)
    except FileNotFoundError as error:  # it was thinned this very moment
        raise ForkError(_gone(fork)) from error
    if config.data == fork.config.data and (parent / "corpus.json").exists():
        # With the SHA-256 of the text: another one under the same name would be another run.
        shutil.copyfile(parent / "corpus.json", made / "corpus.json")
    if fork.subwords:  # it goes on in the tokens that the network knows, whatever its text
        for name in TOKENS:
            shutil.copyfile(parent / name, made / name)
    if turned := _turned(parent, fork.step):
        write_json(made / "switches.json", turned)
    write_atomically(made / FILE, fork.model_dump_json(by_alias=True, indent=1) + "\n")


def _owner(root: Path, fork: ForkPoint) -> Path:
    """The directory that has the checkpoint: the parent's, or that of another fork of it."""

    def has_it(folder: Path) -> bool:
        base = checkpoint_files.base_of(folder / "checkpoints", fork.step)
        kept = checkpoint_files.WEIGHTS if fork.fresh else checkpoint_files.STATE
        return all(base.with_suffix(s).exists() for s in (kept, ".json"))

    if has_it(root / fork.run):
        return root / fork.run
    for path in sorted(root.glob(f"[!.]*/{FILE}")):
        if not has_it(path.parent):
            continue
        with contextlib.suppress(OSError, ValueError):
            if read(path).key == fork.key:
                return path.parent
    raise ForkError(_gone(fork))


def _gone(fork: ForkPoint) -> str:
    return Message(
        "the checkpoint of {point} is there no more; fork a later one",
        point=fork.words,
    )


def _turned(parent: Path, step: int) -> list[object]:
    """The switches that somebody turned by hand before a step: they made the network."""
    try:
        return [one for one in read_json(parent / "switches.json") if one["step"] < step]
    except (OSError, ValueError, TypeError, KeyError):
        return []
